// The HTTP API of the node, as typed calls. Every failure is an `ApiError` with what happened and what to do.

import type { Process } from "../model/adopt";
import type { PasteOutcome } from "../stream/paste-delivery";
import type { Agent, BackendKind, Rights, StateKind, StateSource } from "../protocol/types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }

  /** The request did not reach the node: repeating it later makes sense. */
  get isNetwork(): boolean {
    return this.status === 0;
  }
}

export interface NewAgent {
  readonly name: string;
  readonly directory?: string;
  readonly program?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly notes?: string;
  readonly backend?: BackendKind;
  readonly autostart?: boolean;
  readonly cols?: number;
  readonly rows?: number;
  /** The id of the machine; absent: the one that serves the dashboard. */
  readonly node?: string;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly path: string;
  readonly git: boolean;
}

export interface DirectoryListing {
  readonly path: string;
  readonly parent: string | null;
  /** The home directory of the machine's user. */
  readonly home: string;
  readonly entries: readonly DirectoryEntry[];
}

export interface Notes {
  readonly notes: string;
  readonly revision: number;
}

/** How this node meets others. */
export interface Meeting {
  readonly requests: readonly { id: string; short: string; name: string; from: string; version: string; age_ms: number }[];
  readonly asking: readonly { id: string; short: string; name: string; address: string }[];
  /** Invites that were used in the last minutes, and the machines that used them. */
  readonly used: readonly { number: string; node: string }[];
  readonly addresses: readonly string[];
  readonly listening: readonly string[];
}

export interface Invite {
  readonly number: string;
  readonly code: string;
  readonly command: string;
  readonly expires_s: number;
  readonly addresses: readonly string[];
}

export interface Joined {
  readonly state: "joined" | "waiting";
  readonly short: string;
  readonly name: string;
}

/** The addresses that the node answers to. */
export interface Origins {
  /** Those that somebody has allowed; `fixed`: when the node was started. */
  readonly origins: readonly { readonly url: string; readonly fixed: boolean }[];
  /** Its own. */
  readonly own: readonly string[];
}

/** What agents of this machine are started with. Values of variables are asked for one by one. */
export interface Environment {
  /** Null while the login shell is asked for the first time. */
  readonly shell: {
    readonly shell: string;
    readonly mode: "interactive" | "login" | "node";
    readonly variables: number;
    readonly problem?: string;
    readonly advice?: string;
  } | null;
  /** Those that somebody has set for all agents; `length` of the value in characters. */
  readonly variables: readonly { readonly name: string; readonly length: number }[];
}

/** An agent program that is known by name. */
export interface KnownProgram {
  readonly name: string;
  /** Null if it is not in the `PATH` of agents. */
  readonly path: string | null;
  readonly version: string | null;
  /** It is being asked for its version. */
  readonly checking: boolean;
}

export interface KnownPrograms {
  /** The `PATH` of agents. */
  readonly path: string;
  readonly programs: readonly KnownProgram[];
}

/** Texts that are typed when the agent is idle, the next one first. */
export interface Queue {
  readonly texts: readonly QueuedText[];
  /** Why the first one is not typed now. */
  readonly held: string;
}

export interface QueuedText {
  readonly number: number;
  readonly text: string;
  readonly queued_unix_ms: number;
  /** `unknown`: it may have been typed or not; `why` that is not known. */
  readonly state: "waiting" | "typing" | "unknown";
  readonly why: string;
}

/** Why an agent is in its state. */
export interface Explanation {
  /** The name of the rules by which its screen is read; empty: those for programs that nobody knows. */
  readonly rules: string;
  readonly signals: readonly {
    readonly terminal: number;
    readonly source: StateSource;
    /** The state that it speaks for, if it does. */
    readonly says: StateKind | null;
    readonly why: string;
    readonly age_ms: number;
    /** It decided. */
    readonly decisive: boolean;
  }[];
}

/** An answer to a question: one of its choices, or a text. */
export type Answer = { readonly choice: string } | { readonly text: string };

export type Verb = "start" | "stop" | "restart";

/** What a start of an agent does with its last conversation. */
export interface NextStart {
  /** The conversation that its program goes on with; null: it begins a new one. */
  readonly resumes: { readonly program: string; readonly id: string } | null;
  /** For that: the command line. */
  readonly command: readonly string[];
  /** Why it begins a new one although there was one; else empty. */
  readonly why: string;
}

export class Api {
  constructor(private readonly onUnauthorized: () => void) {}

  login(token: string): Promise<void> {
    return this.request("POST", "api/login", { token });
  }

  /** False if the node says clearly that pages of this address may not use it. Only a request that is not a GET tells it the address. */
  async isAddressKnown(): Promise<boolean> {
    try {
      return (await fetch("api/nodes", { method: "POST", cache: "no-store" })).status !== 403;
    } catch {
      return true;
    }
  }

  /** True unless the node says clearly that this browser is not logged in. */
  async isLoggedIn(): Promise<boolean> {
    try {
      return (await fetch("api/nodes", { cache: "no-store" })).status !== 401;
    } catch {
      return true;
    }
  }

  async createAgent(agent: NewAgent): Promise<Agent> {
    return (await this.request<{ agent: Agent }>("POST", "api/agents", agent)).agent;
  }

  async changeAgent(id: string, change: { name?: string; tags?: readonly string[]; autostart?: boolean }): Promise<Agent> {
    return (await this.request<{ agent: Agent }>("PATCH", agentPath(id), change)).agent;
  }

  async deleteAgent(id: string): Promise<void> {
    await this.request("DELETE", agentPath(id));
  }

  /** `fresh`: its program begins a new conversation. */
  async run(id: string, verb: Verb, fresh = false): Promise<Agent> {
    return (await this.request<{ agent: Agent }>("POST", `${agentPath(id)}/${verb}`, fresh ? { fresh } : undefined)).agent;
  }

  nextStart(id: string, signal: AbortSignal): Promise<NextStart> {
    return this.request("GET", `${agentPath(id)}/start`, undefined, { signal });
  }

  /** Pastes a text, once for each `key`: whoever lost the answer may ask again. */
  async paste(id: string, terminal: number, text: string, key: string, signal: AbortSignal): Promise<PasteOutcome> {
    try {
      await this.request("POST", `${agentPath(id)}/input`, { text, terminal, once: key }, { signal });
      return { kind: "written" };
    } catch (error) {
      if (!(error instanceof ApiError) || error.isNetwork) return { kind: "unreachable" };
      return { kind: "refused", message: [error.message, error.hint].filter(Boolean).join(" ") };
    }
  }

  /**
   * Pastes a text and presses Enter once the program has taken it. `anyway`: also if it asks something; `now`: also if it works.
   * False: the text is on the program's line, but has not gone.
   */
  async send(id: string, text: string, { anyway = false, now = false } = {}): Promise<boolean> {
    const sent = await this.request<{ submitted: boolean }>("POST", `${agentPath(id)}/input`, { text, submit: true, ...(anyway && { anyway }), ...(now && { now }) });
    return sent.submitted;
  }

  /** Keeps a text until the agent is idle. */
  async enqueue(id: string, text: string): Promise<void> {
    await this.request("POST", `${agentPath(id)}/queue`, { text });
  }

  /** What waits until the agent is idle. */
  queue(id: string, signal: AbortSignal): Promise<Queue> {
    return this.request("GET", `${agentPath(id)}/queue`, undefined, { signal });
  }

  /** Changes a text that waits; one that may have been typed already waits again. */
  editQueued(id: string, number: number, text: string): Promise<Queue> {
    return this.request("PATCH", `${agentPath(id)}/queue/${number}`, { text });
  }

  cancelQueued(id: string, number: number): Promise<Queue> {
    return this.request("DELETE", `${agentPath(id)}/queue/${number}`);
  }

  /** Answers the question with this id, if it is still asked: with one of its choices, or a text. */
  async answer(id: string, question: string, answer: Answer): Promise<void> {
    await this.request("POST", `${agentPath(id)}/answer`, { question, ...answer });
  }

  /** The visible text, after so many lines of what was printed before. */
  async screen(id: string, signal: AbortSignal, historyLines = 0): Promise<string> {
    return (await this.request<{ text: string }>("GET", `${agentPath(id)}/screen?history=${historyLines}`, undefined, { signal })).text;
  }

  /** Every signal that speaks for a state of the agent, strongest first. */
  explain(id: string, signal: AbortSignal): Promise<Explanation> {
    return this.request("GET", `${agentPath(id)}/explain`, undefined, { signal });
  }

  /** What runs in its terminal now. */
  process(id: string, signal: AbortSignal): Promise<Process> {
    return this.request("GET", `${agentPath(id)}/process`, undefined, { signal });
  }

  /** From now on a session that was found is one that was created here, and this is what is started. */
  async adopt(id: string, process: Process): Promise<Agent> {
    return (await this.request<{ agent: Agent }>("POST", `${agentPath(id)}/adopt`, process)).agent;
  }

  notes(id: string): Promise<Notes> {
    return this.request("GET", `${agentPath(id)}/notes`);
  }

  /** `keepalive` lets the request outlive the page (the browser limits such bodies to 64 KiB in total). */
  async saveNotes(id: string, notes: Notes, keepalive = false): Promise<number> {
    const saved = await this.request<{ revision: number }>("PUT", `${agentPath(id)}/notes`, notes, { keepalive });
    return saved.revision;
  }

  /** `node`: the id of the machine; empty: the one that serves the dashboard. */
  directories(node: string, path: string, signal: AbortSignal): Promise<DirectoryListing> {
    const query = new URLSearchParams({ path, ...(node === "" ? {} : { node }) });
    return this.request("GET", `api/directories?${query}`, undefined, { signal });
  }

  meeting(): Promise<Meeting> {
    return this.request("GET", "api/peers");
  }

  invite(rights: Rights): Promise<Invite> {
    return this.request("POST", "api/invite", { rights });
  }

  join(target: string, rights: Rights): Promise<Joined> {
    return this.request("POST", "api/join", { target, rights });
  }

  async admit(node: string, rights: Rights): Promise<void> {
    await this.request("POST", `api/peers/${encodeURIComponent(node)}/admit`, { rights });
  }

  async refuse(node: string): Promise<void> {
    await this.request("POST", `api/peers/${encodeURIComponent(node)}/refuse`);
  }

  async leave(): Promise<void> {
    await this.request("POST", "api/leave");
  }

  async removeMachine(node: string): Promise<void> {
    await this.request("DELETE", `api/peers/${encodeURIComponent(node)}`);
  }

  origins(): Promise<Origins> {
    return this.request("GET", "api/origins");
  }

  allowOrigin(url: string): Promise<Origins> {
    return this.request("POST", "api/origins", { url });
  }

  removeOrigin(url: string): Promise<Origins> {
    return this.request("DELETE", "api/origins", { url });
  }

  environment(): Promise<Environment> {
    return this.request("GET", "api/environment");
  }

  /** Asks the login shell again. */
  reloadEnvironment(): Promise<Environment> {
    return this.request("POST", "api/environment/reload");
  }

  setVariable(name: string, value: string): Promise<Environment> {
    return this.request("POST", "api/environment", { name, value });
  }

  removeVariable(name: string): Promise<Environment> {
    return this.request("DELETE", "api/environment", { name });
  }

  async variable(name: string): Promise<string> {
    return (await this.request<{ value: string }>("GET", `api/environment/variable?${new URLSearchParams({ name })}`)).value;
  }

  /** The agent programs that agents of a machine find. `node`: its id; empty: the one that serves the dashboard. */
  programs(node: string): Promise<KnownPrograms> {
    return this.request("GET", node === "" ? "api/programs" : `api/programs?${new URLSearchParams({ node })}`);
  }

  logout(): Promise<void> {
    return this.request("POST", "api/logout");
  }

  private async request<T>(method: string, path: string, body?: unknown, extra: RequestInit = {}): Promise<T> {
    const init: RequestInit = { method, cache: "no-store", credentials: "same-origin", ...extra };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "content-type": "application/json" };
    }
    let response: Response;
    try {
      response = await fetch(path, init);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "unreachable", "Consort cannot be reached.", "Check that it is running on its machine.");
    }
    if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
    if (response.status === 401 && path !== "api/login") this.onUnauthorized();
    throw await readError(response);
  }
}

function agentPath(id: string): string {
  return `api/agents/${encodeURIComponent(id)}`;
}

async function readError(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: string; message?: string; hint?: string } } | null)?.error;
  return new ApiError(
    response.status,
    error?.code ?? "http",
    error?.message ?? `Consort answered ${response.status} ${response.statusText}.`,
    error?.hint ?? "",
  );
}
