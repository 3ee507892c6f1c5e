// The composition root: connects the node, the model and the terminals, and holds what the user is doing.

import { computed, effect, signal } from "@preact/signals";
import { filterWords, matchesFilter } from "../model/filter";
import { levelsBy, machineRanks } from "../model/machines";
import { isolated } from "../model/format";
import { NOTHING_SELECTED, toggled } from "../model/selection";
import type { BulkVerb } from "../model/bulk";
import type { Command } from "./commands";
import { agentsMeant, formatRoute, HOME, MACHINES, parseRoute, tokenInHash, type Route } from "../model/route";
import { judgeLink } from "../model/links";
import { newLineOf } from "../model/new-line";
import type { Grid, GridCount, GridSource } from "../model/grid";
import { lookedAt } from "../model/recent";
import { stateSince, Store } from "../model/store";
import { ancestorIds, groupIds } from "../model/tree";
import { windowLayout, type PanePlace } from "../model/window-layout";
import { Api, ApiError, type Answer, type Verb } from "../net/api";
import { Connection, type ConnectionState } from "../net/connection";
import { pageFolder, socketAddress } from "../net/page-address";
import { claimViewerId } from "../net/viewer-id";
import type { Agent, NodeInfo, Question, ServerMessage, Size, StateKind, TerminalInfo } from "../protocol/types";
import { sizeToCreate } from "../terminal/fit";
import { NO_MODIFIERS, type Modifiers } from "../terminal/modifiers";
import { TerminalPool, type PoolWire } from "../terminal/pool";
import type { TerminalSession } from "../terminal/session";
import { measureCell } from "../terminal/theme";
import { AlertKeeper } from "./alert-keeper";
import { BackCloses } from "./back";
import type { CreatePlace } from "./beside";
import { keepFilesOut } from "./drops";
import { MeetingKeeper } from "./meeting-keeper";
import { NotesKeeper } from "./notes-keeper";
import { Notices } from "./notices";
import { Preferences } from "./preferences";
import { ScreenSpace } from "./screen-space";
import { IS_MAC, terminalShortcut } from "./shortcuts";
import { tellOfDroppedFiles, tellOfLoss, tellOfRefusedInput, tellOfRequest } from "./tell";

export type OpenDialog =
  | CreatePlace
  | { readonly kind: "delete"; readonly agent: Agent }
  | { readonly kind: "interrupt"; readonly agent: Agent; readonly verb: "stop" | "restart" }
  | { readonly kind: "invite" }
  | { readonly kind: "join" }
  | { readonly kind: "remove-machine"; readonly node: NodeInfo }
  | { readonly kind: "leave" }
  | { readonly kind: "switch" }
  | { readonly kind: "help" }
  | { readonly kind: "settings" }
  | { readonly kind: "bulk"; readonly verb: BulkVerb; readonly agents: readonly string[] }
  | { readonly kind: "link"; readonly url: string; readonly host: string; readonly shown: string | null }
  | { readonly kind: "explain"; readonly agent: Agent }
  | { readonly kind: "adopt"; readonly agent: Agent }
  | { readonly kind: "prompt"; readonly agent: Agent }
  | { readonly kind: "text"; readonly session: TerminalSession };

/** A menu of commands that is open, where, and for what. */
export interface OpenMenu {
  readonly label: string;
  readonly commands: readonly Command[];
  readonly x: number;
  readonly y: number;
}

/** On a phone, letters are not smaller than this unless somebody zooms out. */
const READABLE_PX = 11;
/** States younger than this show their age in seconds. */
const YOUNG_MS = 61_000;
const OLD_TICK_MS = 10_000;
/** Flipping through browser tabs leaves sizes alone. */
const UNWATCHED_AFTER_MS = 2_000;

export class App {
  readonly store = new Store();
  readonly notices = new Notices();
  readonly preferences = new Preferences();
  readonly space = new ScreenSpace();
  readonly api = new Api(() => this.loginNeeded());
  readonly alerts = new AlertKeeper(this);
  readonly notes = new NotesKeeper(this.api);
  readonly meeting = new MeetingKeeper(this.api, () => this.isLive.peek() && this.pageVisible.peek(), (request) => tellOfRequest(this, request));

  readonly connection = signal<ConnectionState>({ kind: "connecting" });
  readonly route = signal<Route>(HOME);
  readonly filter = signal("");
  /** Only agents in this state are listed. */
  readonly stateFilter = signal<StateKind | null>(null);
  readonly dialog = signal<OpenDialog | null>(null);
  readonly menu = signal<OpenMenu | null>(null);
  readonly selection = signal(NOTHING_SELECTED);
  /** For fingers: a tap selects instead of opening. */
  readonly selecting = signal(false);
  readonly renaming = signal<string | null>(null);
  readonly searching = signal(false);
  readonly modifiers = signal<Modifiers>(NO_MODIFIERS);
  /** Verbs on their way to the node, by agent. */
  readonly busy = signal<ReadonlyMap<string, Verb>>(new Map());
  /** The terminal should get the keyboard as soon as it is on the page. */
  readonly focusWanted = signal(false);
  readonly now = signal(Date.now());
  /** Takes keys for the cards of questions, while there are any. */
  cardKey: ((event: KeyboardEvent) => boolean) | null = null;
  readonly pageVisible = signal(document.visibilityState === "visible");

  readonly agent = computed<Agent | null>(() => {
    const { agent } = this.route.value;
    return agent === null ? null : (this.store.agents.value.get(agent) ?? null);
  });
  /** The grid that is on the page, or that one came from, and the agents in it. */
  readonly lastGrid = signal<Grid | null>(null);
  readonly gridIds = signal<readonly string[]>([]);
  /** The agents whose terminals are on the page. */
  readonly agentsInSight = computed<readonly string[]>(() => {
    if (this.route.value.grid !== undefined) return this.gridIds.value;
    return this.agent.value === null ? [] : [this.agent.value.id];
  });
  /** The levels above an agent in the tree, as the user groups them. */
  readonly levelsOf = computed(() => levelsBy(this.preferences.grouping.value, this.store.nodes.value));
  readonly selected = computed(() => [...this.selection.value.ids].flatMap((id) => this.store.agents.value.get(id) ?? []));
  readonly groupIds = computed(() => groupIds(this.store.agents.value.values(), this.levelsOf.value));
  readonly isAllFolded = computed(() => this.groupIds.value.every((id) => this.preferences.foldedSet.value.has(id)));
  /** Whether the list leaves something out. */
  readonly isFiltered = computed(() => this.stateFilter.value !== null || filterWords(this.filter.value).length > 0);
  /** Those that the list shows, folded away or not. */
  readonly listed = computed<readonly Agent[]>(() => {
    const [words, state] = [filterWords(this.filter.value), this.stateFilter.value];
    const all = [...this.store.agents.value.values()].filter((agent) => matchesFilter(agent, words));
    return state === null ? all : all.filter((agent) => agent.state.kind === state && this.store.isReachable(agent));
  });
  readonly ranks = computed(() => machineRanks(this.store.nodes.value));
  /** Machines need to be named only where there are several. */
  readonly hasMachines = computed(() => this.store.nodes.value.length > 1);
  readonly isLive = computed(() => this.connection.value.kind === "open");
  /** There is a list of agents, and it may be out of date. */
  readonly isStale = computed(() => this.store.loaded.value && !this.isLive.value);
  /** Nothing but the terminal. */
  readonly fullScreen = signal(false);

  readonly pool: TerminalPool;
  private readonly link: Connection;
  /** What lies over the page, topmost first. */
  private readonly backCloses = new BackCloses(
    [
      { isOpen: () => this.dialog.value !== null, close: () => (this.dialog.value = null) },
      { isOpen: () => this.searching.value, close: () => (this.searching.value = false) },
      {
        isOpen: () => this.space.narrow.value && this.agent.value !== null && this.preferences.detailsOpen.value,
        close: () => (this.preferences.detailsOpen.value = false),
      },
      { isOpen: () => this.fullScreen.value, close: () => this.setFullScreen(false) },
    ],
    history,
  );

  constructor() {
    this.link = new Connection(
      {
        url: socketAddress(location.href),
        viewer: claimViewerId(sessionStorage, window),
        open: (url) => new WebSocket(url),
        isLoggedIn: async () => (await this.api.isLoggedIn()) && (await this.api.isAddressKnown()),
      },
      {
        state: (state) => (state.kind === "login" ? this.loginNeeded(state.problem) : (this.connection.value = state)),
        opened: (instance) => {
          this.pool.connected(instance);
          this.notes.saveNow();
          void this.meeting.ask();
        },
        closed: () => this.pool.disconnected(),
        message: (message) => this.receive(message),
        frame: (frame) => this.pool.receiveFrame(frame),
      },
    );
    const wire: PoolWire = {
      send: (message) => this.link.send(message),
      sendBinary: (frame) => this.link.sendBinary(frame),
      paste: (...paste) => this.api.paste(...paste),
    };
    this.pool = new TerminalPool(wire, {
      look: () => this.preferences.look.peek(),
      readablePx: () => (this.space.touch.value ? READABLE_PX : 0),
      typingFits: () => !this.space.touch.value,
      key: (event) => terminalShortcut(this, event),
      isMac: IS_MAC,
      modifiers: () => this.modifiers.peek(),
      modifiersUsed: () => (this.modifiers.value = NO_MODIFIERS),
      newLine: (agent, terminal) => this.newLine(agent, terminal),
      clipboard: (text) => this.copy(text, "A program copied text to your clipboard."),
      link: (text, target) => this.followLink(text, target),
      inputLost: (agent, loss, message) => tellOfLoss(this, agent, loss, message),
      inputRefused: (bytes) => tellOfRefusedInput(this, bytes),
    });
  }

  async start(): Promise<void> {
    const loggedIn = await this.loginFromAddress();
    this.route.value = parseRoute(location.hash);
    // A reload or a link to an agent: who works with a keyboard goes on typing.
    this.focusWanted.value = this.route.value.agent !== null && !this.space.touch.value;
    addEventListener("hashchange", () => void this.hashChanged());
    this.watchPage();
    this.watchModel();
    this.meeting.start();
    this.alerts.start();
    if (loggedIn) this.link.connect();
  }

  // What the user does.

  open(agent: string, options: { terminal?: number | null; focus?: boolean } = {}): void {
    const route = { agent, terminal: options.terminal ?? null };
    if (formatRoute(route) !== formatRoute(this.route.value)) this.navigate(route);
    if (options.focus !== false && !this.space.touch.value) this.focusTerminal();
  }

  goHome(): void {
    this.navigate(HOME);
  }

  showMachines(): void {
    this.navigate(MACHINES);
  }

  /** Shows terminals side by side. */
  showGrid(source: GridSource): void {
    this.navigate({ ...HOME, grid: { source, count: this.preferences.gridCount.peek() } });
  }

  setGridCount(count: GridCount): void {
    this.preferences.gridCount.value = count;
    const { grid } = this.route.peek();
    if (grid === undefined) return;
    const route: Route = { ...HOME, grid: { ...grid, count } };
    history.replaceState(null, "", formatRoute(route));
    this.route.value = route;
  }

  /** From one terminal back to the grid that it was in; else to the grid of all that wait, and out of a grid. */
  switchGrid(): void {
    const last = this.lastGrid.peek();
    if (this.route.peek().grid !== undefined) this.goHome();
    else if (last !== null) this.navigate({ ...HOME, grid: last });
    else this.showGrid({ kind: this.store.waiting.peek().length > 0 ? "waiting" : "all" });
  }

  focusTerminal(): void {
    this.focusWanted.value = true;
  }

  /** Moves the keyboard out of the terminal to the list of agents. */
  leaveTerminal(): void {
    document.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus();
  }

  /** Opens the agent that waits longest; if that is the one on the screen, the next one. */
  openNextWaiting(): void {
    const waiting = this.store.waiting.value;
    const current = waiting.findIndex((agent) => agent.id === this.route.value.agent);
    const next = waiting[(current + 1) % Math.max(1, waiting.length)];
    if (next === undefined) this.notices.show("info", "No agent is waiting for you.");
    else this.open(next.id);
  }

  /** Opens the agent `step` places further in the order of the names. */
  openNeighbour(order: readonly string[], step: 1 | -1): void {
    if (order.length === 0) return;
    const current = order.indexOf(this.route.value.agent ?? "");
    const index = current === -1 ? 0 : (current + step + order.length) % order.length;
    this.open(order[index]!);
  }

  select(ids: readonly string[]): void {
    this.selection.value = toggled(this.selection.value, ids);
    this.selecting.value = this.space.touch.value;
  }

  /** Without filters. */
  showAll(): void {
    this.filter.value = "";
    this.stateFilter.value = null;
  }

  clearSelection(): void {
    this.selection.value = NOTHING_SELECTED;
    this.selecting.value = false;
  }

  rename(agent: Agent): void {
    this.open(agent.id, { focus: false });
    this.renaming.value = agent.id;
  }

  editNotes(agent: Agent): void {
    this.open(agent.id, { focus: false });
    this.preferences.detailsOpen.value = true;
    requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-testid="notes"]')?.focus());
  }

  foldAll(folded: boolean): void {
    if (folded) this.preferences.fold(this.groupIds.value);
    else this.preferences.unfold(this.groupIds.value);
  }

  /** Asks first if something would be ended. */
  ask(agent: Agent, verb: Verb): void {
    if (verb === "start" || !agent.running) void this.run(agent, verb);
    else this.dialog.value = { kind: "interrupt", agent, verb };
  }

  /** Presses a key in the agent's active terminal, without opening it. */
  answer(agent: Agent, text: string): void {
    const terminal = this.terminalOf(agent, null);
    if (terminal !== null) this.pool.typeUnseen(agent.id, terminal.id, text);
  }

  /** Answers what an agent asks. Its machine types that only if the agent still asks it; else the result is why it did not. */
  async answerQuestion(agent: Agent, question: Question, answer: Answer): Promise<string | null> {
    try {
      await this.api.answer(agent.id, question.id, answer);
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // What to do next is on the card.
      return error.code === "question-changed" ? error.message : [error.message, error.hint].filter(Boolean).join(" ");
    }
  }

  /** The size with which a new terminal fits here, so that nobody has to change it; null: the node chooses. */
  sizeForNew(): Size | null {
    if (this.space.touch.value) return null;
    const main = document.querySelector(".main");
    return this.pool.current?.room ?? (main && sizeToCreate({ width: main.clientWidth, height: main.clientHeight }, measureCell(this.preferences.fontPx.value)));
  }

  setFullScreen(on: boolean): void {
    this.fullScreen.value = on;
    if (on) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    else if (document.fullscreenElement !== null) void document.exitFullscreen();
    this.focusTerminal();
  }

  /** `fresh`: its program begins a new conversation. */
  async run(agent: Agent, verb: Verb, fresh = false): Promise<void> {
    this.busy.value = new Map(this.busy.value).set(agent.id, verb);
    try {
      this.store.put(await this.api.run(agent.id, verb, fresh));
    } catch (error) {
      this.reportError(`Could not ${verb} ${isolated(agent.name)}.`, error);
    }
    const busy = new Map(this.busy.value);
    busy.delete(agent.id);
    this.busy.value = busy;
  }

  async change(agent: Agent, change: { tags?: readonly string[]; autostart?: boolean }): Promise<void> {
    try {
      this.store.put(await this.api.changeAgent(agent.id, change));
    } catch (error) {
      this.reportError(`Could not change ${isolated(agent.name)}.`, error);
    }
  }

  copy(text: string, done: string): void {
    const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("not available"));
    copied.then(
      () => this.notices.show("info", done),
      () => this.notices.show("warning", "The browser did not allow copying.", { hint: "Select the text and copy it by hand." }),
    );
  }

  /** A click on a link of a terminal: what leads elsewhere than it seems to is asked about. */
  private followLink(text: string, target: string): void {
    const verdict = judgeLink(text, target);
    if (verdict.kind === "open") openPage(verdict.url);
    else if (verdict.kind === "ask") this.dialog.value = { ...verdict, kind: "link" };
    else {
      this.notices.show("warning", "This link was not opened.", {
        hint: `${verdict.reason} It leads to ${target.slice(0, 200)}`,
        action: { label: "Copy the address", run: () => this.copy(target, "Copied.") },
      });
    }
  }

  async pasteFromClipboard(): Promise<void> {
    try {
      const text = await navigator.clipboard.readText();
      this.pool.current?.paste(text);
    } catch {
      this.notices.show("warning", "The browser did not allow reading the clipboard.", {
        hint: "Use the keyboard's own paste.",
      });
    }
  }

  reconnectNow(): void {
    this.link.reconnect("You asked for it.");
  }

  reportError(text: string, error: unknown): void {
    const hint = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : String(error);
    this.notices.show("error", text, { hint });
  }

  /** The terminal to show for an agent: the one in the address, else its active one. */
  terminalOf(agent: Agent, wanted: number | null): TerminalInfo | null {
    return (
      agent.terminals.find((terminal) => terminal.id === wanted) ??
      agent.terminals.find((terminal) => terminal.active) ??
      agent.terminals[0] ??
      null
    );
  }

  /** How all terminals of the window of `terminal` lie beside each other; null: only that one is to be seen. */
  panesTogether(agent: Agent, terminal: number): readonly PanePlace[] | null {
    if (this.space.narrow.value || !this.preferences.panesTogether.value) return null;
    return windowLayout(agent.terminals, terminal);
  }

  /** The user went to another terminal that is on the page already. */
  showPane(agent: Agent, terminal: number): void {
    if (this.route.value.agent === agent.id && this.route.value.terminal !== terminal) this.open(agent.id, { terminal, focus: false });
  }

  // What happens to it.

  private receive(message: ServerMessage): void {
    switch (message.t) {
      case "attached":
      case "size":
      case "input-ack":
      case "input-lost":
      case "ended":
        return this.pool.receive(message);
      case "error":
        return this.notices.show("error", message.message, { hint: message.hint });
      case "agent-gone":
        this.pool.agentGone(message.id);
        return this.store.apply(message);
      case "agent":
        this.pool.agentChanged(message.agent, this.store.agent(message.agent.id));
        return this.store.apply(message);
      case "agents":
        for (const agent of message.all) this.pool.agentChanged(agent, this.store.agent(agent.id));
        return this.store.apply(message);
      default:
        return this.store.apply(message);
    }
  }

  private async loginFromAddress(): Promise<boolean> {
    const token = tokenInHash(location.hash);
    if (token === null) return true;
    history.replaceState(null, "", `${location.pathname}#/`);
    try {
      await this.api.login(token);
      return true;
    } catch (error) {
      // A link that was used before is no problem for somebody who is logged in.
      if (await this.api.isLoggedIn()) return true;
      this.loginNeeded(error instanceof ApiError ? error.message : "");
      return false;
    }
  }

  private loginNeeded(problem = ""): void {
    this.link.stop();
    this.connection.value = { kind: "login", problem };
    void this.api.isAddressKnown().then((known) => {
      if (!known) this.connection.value = { kind: "login", problem: "", unknownAddress: pageFolder(location.href) };
    });
  }

  private async hashChanged(): Promise<void> {
    if (tokenInHash(location.hash) === null) {
      this.route.value = parseRoute(location.hash);
    } else if (await this.loginFromAddress()) {
      this.route.value = HOME;
      this.link.connect();
    }
  }

  private navigate(route: Route): void {
    if (this.backCloses.leave()) history.replaceState(null, "", formatRoute(route));
    else history.pushState(null, "", formatRoute(route));
    this.route.value = route;
  }

  private watchPage(): void {
    addEventListener("popstate", () => {
      const same = formatRoute(parseRoute(location.hash)) === formatRoute(this.route.value);
      if (!this.backCloses.wentBack(same)) this.route.value = parseRoute(location.hash);
    });
    keepFilesOut(document, (files) => tellOfDroppedFiles(this, files));
    document.addEventListener("visibilitychange", () => {
      const visible = document.visibilityState === "visible";
      this.pageVisible.value = visible;
      this.tick();
      this.link.setVisible(visible);
      clearTimeout(this.unwatchedTimer);
      if (visible) this.pool.setWatched(true);
      else this.unwatchedTimer = setTimeout(() => this.pool.setWatched(false), UNWATCHED_AFTER_MS);
    });
    document.addEventListener("fullscreenchange", () => {
      if (document.fullscreenElement === null) this.fullScreen.value = false;
    });
    addEventListener("online", () => this.link.check());
    addEventListener("pageshow", () => this.link.check());
    addEventListener("pagehide", () => this.notes.flush());
    setInterval(() => this.tick(), 1_000);
  }

  private unwatchedTimer: ReturnType<typeof setTimeout> | undefined;

  /** Ages tick while they can be true: what was last heard does not grow older by itself. */
  private tick(): void {
    if (!this.pageVisible.peek() || !this.isLive.peek()) return;
    const now = Date.now();
    const young = [...this.store.agents.peek().values()].some((agent) => now - stateSince(agent) < YOUNG_MS);
    if (young || now - this.now.peek() >= OLD_TICK_MS) this.now.value = now;
  }

  private watchModel(): void {
    effect(() => {
      document.documentElement.dataset["theme"] = this.preferences.theme.value;
    });
    effect(() => {
      void this.preferences.look.value;
      this.pool.lookChanged();
    });
    effect(() => {
      const waiting = this.store.waiting.value.length;
      const name = this.agent.value?.name;
      document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${name === undefined ? "" : `${isolated(name)} · `}Consort`;
    });
    effect(() => {
      const agent = this.agent.value;
      if (agent?.state.kind === "done" && this.isLive.value && this.pageVisible.value) {
        this.link.send({ t: "seen", agent: agent.id });
      }
    });
    // A link with a name: as soon as it is clear whose, the address has the id.
    effect(() => {
      const route = this.route.value;
      if (route.agent === null || !this.store.loaded.value || this.store.agents.value.has(route.agent)) return;
      const meant = agentsMeant(route, this.store.agents.value, this.store.nodes.value);
      if (meant.length !== 1) return;
      const exact: Route = { agent: meant[0]!.id, terminal: route.terminal };
      history.replaceState(null, "", formatRoute(exact));
      this.route.value = exact;
    });
    effect(() => {
      const { agent, grid } = this.route.value;
      if (grid !== undefined) this.lastGrid.value = grid;
      // An agent that was opened from a grid leads back to it; anything else leaves the grid.
      else if (agent === null || !this.gridIds.peek().includes(agent)) this.lastGrid.value = null;
      this.pool.extra = this.lastGrid.peek()?.count ?? 0;
    });
    effect(() => {
      const agent = this.agent.value;
      if (agent !== null && this.lastRevealed !== agent.id) {
        this.lastRevealed = agent.id;
        this.preferences.unfold(ancestorIds(agent, this.levelsOf.peek()));
      }
    });
    effect(() => {
      const agent = this.agent.value;
      if (agent !== null) this.preferences.recent.value = lookedAt(this.preferences.recent.peek(), agent);
      else if (this.route.value.agent === null) this.fullScreen.value = false;
    });
  }

  private lastRevealed: string | null = null;

  /** What gives a new line in the program that runs there; `null` if Shift+Enter submits. */
  private newLine(id: string, terminal: number): string | null {
    if (this.preferences.shiftEnter.peek() === "submit") return null;
    const agent = this.store.agent(id);
    const command = agent?.terminals.find((candidate) => candidate.id === terminal)?.command ?? "";
    return newLineOf(command, agent);
  }
}

/** Opens an address in a tab of its own, which learns nothing of this one. */
export function openPage(url: string): void {
  window.open(url, "_blank", "noopener,noreferrer");
}
