// The one WebSocket of this tab: opens it, notices when it has died, opens it again, and tells the truth about it.

import { decodeMessage, encodeMessage } from "../protocol/control";
import { decodeFrame, type ServerFrame } from "../protocol/frames";
import type { ClientMessage, ServerMessage, Welcome } from "../protocol/types";
import { BackOff } from "../stream/back-off";

export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly latencyMs: number | null }
  | { readonly kind: "waiting"; readonly retryAt: number; readonly reason: string }
  /** `problem`: why the login link did not work, if one was tried. */
  | { readonly kind: "login"; readonly problem: string; readonly unknownAddress?: string };

export interface ConnectionListener {
  state(state: ConnectionState): void;
  /** The node has said welcome: streams can be attached. `instance` changes with every start of the node. */
  opened(instance: string): void;
  closed(): void;
  message(message: ServerMessage): void;
  frame(frame: ServerFrame): void;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly viewer: string;
  readonly open: (url: string) => WebSocket;
  /** Asks over HTTP whether this browser is logged in, because a refused upgrade does not say why. */
  readonly isLoggedIn: () => Promise<boolean>;
  readonly backOff?: BackOff;
}

const PING_EVERY_MS = 10_000;
const WARM_UP_MS = 1_000;
const SILENCE_MS = 15_000;
/** After the tab wakes up a dead socket should show quickly. */
const CHECK_SILENCE_MS = 4_000;
const OPEN_TIMEOUT_MS = 10_000;
/** A connection that has brought data and lived this long ends the back-off. */
const PROVEN_AFTER_MS = 5_000;

export class Connection {
  private socket: WebSocket | null = null;
  private welcomed = false;
  private openedAt = 0;
  private pings = new Map<number, number>();
  private nextPing = 1;
  private latencyMs: number | null = null;
  private pingTimer: Timer = undefined;
  private silenceTimer: Timer = undefined;
  private silenceAt = 0;
  private retryTimer: Timer = undefined;
  private gotData = false;
  /** The first ping is answered; the next ones measure the way. */
  private warm = false;
  private visible = true;
  private readonly backOff: BackOff;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly listener: ConnectionListener,
  ) {
    this.backOff = options.backOff ?? new BackOff();
  }

  get isOpen(): boolean {
    return this.welcomed;
  }

  connect(): void {
    clearTimeout(this.retryTimer);
    if (this.socket !== null) return;
    this.listener.state({ kind: "connecting" });
    const socket = this.options.open(this.options.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => socket.send(encodeMessage({ t: "hello", protocol: 1, viewer: this.options.viewer }));
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = () => this.dropped("The connection to the node was closed.");
    this.stopExpecting();
    this.expectWithin(OPEN_TIMEOUT_MS, "The node does not answer.");
  }

  send(message: ClientMessage): void {
    if (this.welcomed) this.socket?.send(encodeMessage(message));
  }

  sendBinary(frame: Uint8Array<ArrayBuffer>): void {
    if (this.welcomed) this.socket?.send(frame);
  }

  /** The tab woke up or the network came back: make sure quickly that the connection lives. */
  check(): void {
    if (this.welcomed) this.ping(CHECK_SILENCE_MS);
    else if (this.socket === null) this.connect();
  }

  /** Drops a connection that is known to be useless, for example when the network has gone, and tries again. */
  reconnect(reason: string): void {
    if (this.socket !== null) this.dropped(reason);
    this.connect();
  }

  /** Pings cost battery: they stop while nobody sees the page. The node's own pings keep the socket alive. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    clearTimeout(this.pingTimer);
    if (visible) this.check();
    else if (this.welcomed) this.stopExpecting();
  }

  private receive(data: string | ArrayBuffer): void {
    this.heard();
    if (typeof data !== "string") {
      const frame = decodeFrame(data);
      if (frame !== null) this.listener.frame(frame);
      return;
    }
    const message = decodeMessage(data);
    if (message === null) return;
    if (message.t === "pong") this.pong(message.id);
    if (message.t === "agents") this.gotData = true;
    if (message.t === "welcome") this.opened(message);
    else this.listener.message(message);
  }

  private opened(message: Welcome): void {
    this.welcomed = true;
    this.openedAt = Date.now();
    this.listener.message(message);
    this.listener.state({ kind: "open", latencyMs: null });
    this.listener.opened(message.instance);
    this.ping(SILENCE_MS);
  }

  private ping(silenceMs: number): void {
    clearTimeout(this.pingTimer);
    const id = this.nextPing++;
    this.pings.set(id, performance.now());
    this.send({ t: "ping", id });
    this.expectWithin(silenceMs, "The node fell silent.");
    if (this.visible) this.pingTimer = setTimeout(() => this.ping(SILENCE_MS), PING_EVERY_MS);
  }

  private pong(id: number): void {
    const sentAt = this.pings.get(id);
    this.pings.clear();
    if (sentAt === undefined) return;
    if (!this.warm) {
      // The first answer waits behind everything that a fresh page loads.
      this.warm = true;
      clearTimeout(this.pingTimer);
      if (this.visible) this.pingTimer = setTimeout(() => this.ping(SILENCE_MS), WARM_UP_MS);
      return;
    }
    this.latencyMs = performance.now() - sentAt;
    this.listener.state({ kind: "open", latencyMs: this.latencyMs });
  }

  /** Something must be heard within `ms`, or the connection counts as dead. An earlier deadline stays. */
  private expectWithin(ms: number, reason: string): void {
    const deadline = Date.now() + ms;
    if (this.silenceTimer !== undefined && this.silenceAt <= deadline) return;
    this.stopExpecting();
    this.silenceAt = deadline;
    this.silenceTimer = setTimeout(() => this.dropped(reason), ms);
  }

  private stopExpecting(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = undefined;
  }

  private heard(): void {
    this.stopExpecting();
    if (this.gotData && Date.now() - this.openedAt >= PROVEN_AFTER_MS) this.backOff.reset();
  }

  /** Ends the connection for good: only `connect` opens another one. */
  stop(): void {
    clearTimeout(this.retryTimer);
    if (this.socket !== null) this.closeSocket(this.socket);
  }

  private dropped(reason: string): void {
    if (this.socket === null) return;
    const wasWelcomed = this.welcomed;
    this.closeSocket(this.socket);
    this.retryLater(reason);
    if (!wasWelcomed) void this.checkLogin();
  }

  private closeSocket(socket: WebSocket): void {
    const wasWelcomed = this.welcomed;
    this.socket = null;
    this.welcomed = false;
    this.gotData = false;
    this.warm = false;
    this.pings.clear();
    clearTimeout(this.pingTimer);
    this.stopExpecting();
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    if (wasWelcomed) this.listener.closed();
  }

  private retryLater(reason: string): void {
    const delayMs = this.backOff.nextDelayMs();
    this.listener.state({ kind: "waiting", retryAt: Date.now() + delayMs, reason });
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), delayMs);
  }

  private async checkLogin(): Promise<void> {
    if (await this.options.isLoggedIn()) return;
    this.stop();
    this.listener.state({ kind: "login", problem: "" });
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;
