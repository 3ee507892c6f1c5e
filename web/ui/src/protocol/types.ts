// The objects and control messages of the browser protocol, as types. ARCHITECTURE.md says what they mean.

export type StateKind = "working" | "waiting" | "failed" | "idle" | "done" | "exited" | "unknown";
export type StateSource = "output" | "screen" | "title" | "bell" | "process" | "hook" | "status" | "none";
export type BackendKind = "tmux" | "pty";
export type Holder = "you" | "other" | "none";
export type Take = "never" | "if-free" | "always";
export type EndReason = "exited" | "unknown" | "refused";

export interface AgentState {
  readonly kind: StateKind;
  readonly why: string;
  readonly source: StateSource;
  readonly age_ms: number;
  /** What it asks, if that is known. */
  readonly question?: Question | null;
}

export interface Question {
  readonly id: string;
  readonly terminal: number;
  readonly kind: "question" | "permission" | "plan" | "trust" | "login";
  readonly text: string;
  readonly detail: string;
  readonly choices: readonly Choice[];
  readonly free_text: boolean;
}

export interface Choice {
  readonly key: string;
  readonly label: string;
}

export interface TerminalInfo {
  readonly id: number;
  readonly title: string;
  readonly command: string;
  readonly cols: number;
  readonly rows: number;
  /** Column and row of its first cell within its window. */
  readonly left: number;
  readonly top: number;
  /** Its number in its window, as tmux shows it. */
  readonly index: number;
  readonly active: boolean;
  readonly window: string;
  readonly exit_code: number | null;
  /** Absent: not known. */
  readonly directory?: string;
}

export interface Agent {
  readonly id: string;
  readonly node: string;
  readonly name: string;
  readonly path: readonly string[];
  readonly leaf: string;
  readonly backend: BackendKind;
  readonly managed: boolean;
  /** Absent: a node of an older version. */
  readonly origin?: "created" | "found";
  readonly running: boolean;
  readonly wanted: "running" | "stopped";
  readonly autostart: boolean;
  readonly state: AgentState;
  readonly program: string | null;
  readonly args: readonly string[];
  readonly directory: string | null;
  readonly notes: string;
  readonly notes_revision: number;
  readonly tags: readonly string[];
  readonly created_unix_ms: number;
  readonly terminals: readonly TerminalInfo[];
  /** Texts that wait until it is idle; absent: a node of an older version. */
  readonly queued?: number;
  /** The conversation that its program was in last, if that is known. */
  readonly session?: { readonly program: string; readonly id: string } | null;
}

export interface BackendInfo {
  readonly available: boolean;
  readonly detail: string;
}

export type Rights = "operate" | "view";

export interface NodeInfo {
  readonly id: string;
  readonly short: string;
  readonly name: string;
  readonly version: string;
  readonly self: boolean;
  readonly reachable: boolean;
  readonly backends: Readonly<Partial<Record<BackendKind, BackendInfo>>>;
  readonly home: string;
  /** How long it has been reachable, or not; of the node itself, since its start. */
  readonly since_ms: number;
  readonly member: boolean;
  /** This node was removed from its mesh. */
  readonly removed: boolean;
  /** What it may do on other machines. */
  readonly rights: Rights;
  readonly addresses: readonly string[];
  /** The neighbour that leads there: the machine itself over a direct link. */
  readonly via: string | null;
  readonly hops: number;
  /** Of the direct link, if there is one. */
  readonly address: string | null;
  readonly latency_ms: number | null;
  readonly protocol: readonly [number, number] | null;
  /** Two machines use its id. */
  /** It speaks none of the protocols of links that the serving machine speaks. */
  readonly incompatible: boolean;
  readonly conflict: boolean;
}

export interface Size {
  readonly cols: number;
  readonly rows: number;
}

/** A place in the output of a terminal: offsets count within one generation. */
export interface Position {
  readonly generation: string;
  readonly offset: number;
}

export interface Limits {
  readonly window_bytes: number;
  readonly input_chunk_bytes: number;
  readonly input_window_bytes: number;
}

export type ClientMessage =
  | { readonly t: "hello"; readonly protocol: 1; readonly viewer: string }
  | {
      readonly t: "attach";
      readonly s: number;
      readonly agent: string;
      readonly terminal: number | null;
      readonly from: Position | null;
      readonly size: Size | null;
      readonly take: Take;
    }
  | { readonly t: "size"; readonly s: number; readonly take: Take; readonly cols: number; readonly rows: number }
  | { readonly t: "release"; readonly s: number }
  | { readonly t: "detach"; readonly s: number }
  | { readonly t: "seen"; readonly agent: string }
  | { readonly t: "ping"; readonly id: number };

export interface Welcome {
  readonly t: "welcome";
  readonly protocol: number;
  readonly node: NodeInfo;
  readonly instance: string;
  readonly limits: Limits;
}

export interface Attached extends Size {
  readonly t: "attached";
  readonly s: number;
  readonly agent: string;
  readonly terminal: number;
  readonly generation: string;
  readonly offset: number;
  readonly input_seq: number;
  readonly input_known: boolean;
  readonly holder: Holder;
}

export type StreamMessage =
  | Attached
  | { readonly t: "size"; readonly s: number; readonly cols: number; readonly rows: number; readonly holder: Holder }
  | { readonly t: "input-ack"; readonly s: number; readonly seq: number }
  | { readonly t: "input-lost"; readonly s: number; readonly seq: number; readonly message: string }
  | { readonly t: "ended"; readonly s: number; readonly reason: EndReason; readonly message: string };

export type ServerMessage =
  | Welcome
  | { readonly t: "agents"; readonly all: readonly Agent[] }
  | { readonly t: "agent"; readonly agent: Agent }
  | { readonly t: "agent-gone"; readonly id: string }
  | { readonly t: "categories"; readonly hues: Readonly<Record<string, number>> }
  | { readonly t: "nodes"; readonly all: readonly NodeInfo[] }
  | { readonly t: "error"; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly t: "pong"; readonly id: number }
  | StreamMessage;

export const DEFAULT_LIMITS: Limits = {
  window_bytes: 524_288,
  input_chunk_bytes: 16_384,
  input_window_bytes: 65_536,
};
