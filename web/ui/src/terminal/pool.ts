// The terminals this tab has opened: the last few stay warm, so that switching between them is immediate.

import type { ServerFrame } from "../protocol/frames";
import type { Agent, ClientMessage, StreamMessage } from "../protocol/types";
import type { PasteOutcome } from "../stream/paste-delivery";
import type { Wire } from "../stream/terminal-stream";
import { TerminalSession, type SessionSurroundings } from "./session";

/** Terminals that keep their screen and scrollback. */
const WARM_TERMINALS = 6;
/** A hidden terminal keeps its stream this long; then only its screen, to resume from. */
const DETACH_AFTER_MS = 30_000;

export interface PoolWire {
  send(message: ClientMessage): void;
  sendBinary(frame: Uint8Array<ArrayBuffer>): void;
  paste(agent: string, terminal: number, text: string, key: string, signal: AbortSignal): Promise<PasteOutcome>;
}

interface Entry {
  readonly session: TerminalSession;
  detachTimer: ReturnType<typeof setTimeout> | undefined;
}

export class TerminalPool {
  /** Least recently shown first. */
  private readonly entries = new Map<string, Entry>();
  /** Those on the page: one, or all of a window. */
  private readonly shown = new Set<Entry>();
  /** The one of them that keys and tools are for. */
  private focused: Entry | null = null;
  private nextStream = 1;
  private connection: Wire | null = null;

  /** So many more stay warm: those of a grid that one goes back to. */
  extra = 0;

  constructor(
    private readonly wire: PoolWire,
    private readonly around: SessionSurroundings,
  ) {}

  get current(): TerminalSession | null {
    return this.focused?.session ?? null;
  }

  /** The session of a terminal, which becomes the one that keys and tools are for. */
  open(agent: string, terminal: number): TerminalSession {
    const session = this.show(agent, terminal);
    this.focused = this.entries.get(`${agent}/${terminal}`) ?? null;
    return session;
  }

  /** The session of a terminal that the caller puts on the page. */
  show(agent: string, terminal: number): TerminalSession {
    const key = `${agent}/${terminal}`;
    const entry = this.entries.get(key) ?? this.create(agent, terminal);
    clearTimeout(entry.detachTimer);
    this.entries.delete(key);
    this.entries.set(key, entry);
    this.shown.add(entry);
    this.evict();
    return entry.session;
  }

  hide(session: TerminalSession): void {
    session.hide();
    this.rest(session);
  }

  /** It stays where it is on the page, and nobody sees it now. */
  rest(session: TerminalSession): void {
    const entry = this.entries.get(`${session.agent}/${session.terminal}`);
    if (entry === undefined) return;
    this.shown.delete(entry);
    if (this.focused === entry) this.focused = null;
    this.detachLater(entry);
  }

  /** Types into a terminal that is not shown, as its keyboard would. */
  typeUnseen(agent: string, terminal: number, text: string): void {
    const key = `${agent}/${terminal}`;
    const entry = this.entries.get(key) ?? this.create(agent, terminal);
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.session.openUnseen();
    entry.session.type(text);
    if (!this.shown.has(entry)) this.detachLater(entry);
    this.evict();
  }

  /** Somebody looks at the page, or nobody does: then others may decide the size of the terminal that is on it. */
  setWatched(watched: boolean): void {
    for (const { session } of this.shown) session.setWatched(watched);
  }

  connected(instance: string): void {
    this.connection = {
      instance,
      paste: (...paste) => this.wire.paste(...paste),
      nextStream: () => this.nextStream++,
      control: (message) => this.wire.send(message),
      binary: (frame) => this.wire.sendBinary(frame),
    };
    // What is on the screen first: the others can wait.
    const shownFirst = [...this.entries.values()].sort((a, b) => Number(this.shown.has(b)) - Number(this.shown.has(a)));
    for (const { session } of shownFirst) session.stream.connected(this.connection);
  }

  disconnected(): void {
    this.connection = null;
    for (const { session } of this.entries.values()) session.stream.disconnected();
  }

  receive(message: StreamMessage): void {
    this.byStream(message.s)?.stream.receive(message);
  }

  receiveFrame(frame: ServerFrame): void {
    this.byStream(frame.s)?.stream.receiveFrame(frame);
  }

  lookChanged(): void {
    for (const { session } of this.entries.values()) session.setLook();
  }

  /** An agent that had ended runs again: what is shown of it is opened anew, the rest is forgotten. */
  agentChanged(agent: Agent, before: Agent | null): void {
    const revived = agent.running && before !== null && !before.running;
    for (const [key, entry] of [...this.entries]) {
      const { session } = entry;
      if (session.agent !== agent.id || session.state.value.phase !== "ended") continue;
      const exists = agent.terminals.some((terminal) => terminal.id === session.terminal);
      if (this.shown.has(entry) && exists && revived) session.reopen();
      else if (!this.shown.has(entry)) this.remove(key, entry);
    }
  }

  agentGone(id: string): void {
    for (const [key, entry] of [...this.entries]) {
      if (entry.session.agent === id && !this.shown.has(entry)) this.remove(key, entry);
    }
  }

  private create(agent: string, terminal: number): Entry {
    const session = new TerminalSession(agent, terminal, this.around);
    if (this.connection !== null) session.stream.connected(this.connection);
    return { session, detachTimer: undefined };
  }

  private detachLater(entry: Entry): void {
    clearTimeout(entry.detachTimer);
    entry.detachTimer = setTimeout(() => {
      if (entry.session.stream.pendingInputBytes === 0) entry.session.stream.detach();
    }, DETACH_AFTER_MS);
  }

  /** Input that is not confirmed keeps its terminal alive: forgetting it would be losing it silently. */
  private evict(): void {
    for (const [key, entry] of [...this.entries]) {
      if (this.entries.size <= WARM_TERMINALS + this.extra) return;
      if (!this.shown.has(entry) && entry.session.stream.pendingInputBytes === 0) this.remove(key, entry);
    }
  }

  private remove(key: string, entry: Entry): void {
    clearTimeout(entry.detachTimer);
    this.entries.delete(key);
    entry.session.dispose();
  }

  private byStream(s: number): TerminalSession | null {
    for (const { session } of this.entries.values()) if (session.stream.streamNumber === s) return session;
    return null;
  }
}
