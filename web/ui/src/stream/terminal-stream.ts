// One terminal as this tab sees it: attach, resume from an offset, acknowledge, type. Knows no socket and no emulator.

import { encodeAck, encodeInput, type DataFrame, type ServerFrame, type SnapshotFrame } from "../protocol/frames";
import type { Attached, ClientMessage, EndReason, Holder, Position, Size, StreamMessage, Take } from "../protocol/types";
import { AckLedger } from "./ack-ledger";
import { InputQueue, type InputChunk, type InputLoss } from "./input-queue";
import { PasteDelivery, type PasteOutcome } from "./paste-delivery";

/** Where messages to the node go. Only called while the connection is open. */
export interface Wire {
  /** A stream number that no open stream of this connection has. */
  nextStream(): number;
  control(message: ClientMessage): void;
  binary(frame: Uint8Array<ArrayBuffer>): void;
  /** Changes with every start of the node. */
  readonly instance: string;
  /** Has the owner paste a text: once for each `key`. */
  paste(agent: string, terminal: number, text: string, key: string, signal: AbortSignal): Promise<PasteOutcome>;
}

/** The emulator. It calls `processed` once the bytes are parsed, in the order in which they came. */
export interface Screen {
  replace(size: Size, bytes: Uint8Array, processed: () => void): void;
  append(bytes: Uint8Array, processed: () => void): void;
  resize(size: Size): void;
}

export interface StreamListener {
  /** Phase, size, holder or pending input has changed. */
  changed(): void;
  inputLost(loss: InputLoss, message: string): void;
}

/**
 * - `detached`: nobody looks.
 * - `waiting`: wanted, but there is no connection.
 * - `attaching`: asked for, no content yet from this attachment.
 * - `live`: what the screen shows is what the terminal shows.
 * - `ended`: gone for good; only an explicit `attach` tries again.
 */
export type Phase = "detached" | "waiting" | "attaching" | "live" | "ended";

export class TerminalStream {
  phase: Phase = "detached";
  size: Size | null = null;
  holder: Holder = "none";
  end: { reason: EndReason; message: string } | null = null;

  private readonly input = new InputQueue();
  private readonly pastes = new PasteDelivery((failure) => this.pasteFinished(failure));
  private readonly acks = new AckLedger();
  private wire: Wire | null = null;
  private s: number | null = null;
  /** The owner has said what it already wrote; before that, sending could write something twice. */
  private inputOpen = false;
  /** Of the open stream, `attached` and `input-lost` so far: input counts only if it knows of all of them. */
  private heard = 0;
  private position: Position | null = null;
  private wanted: { size: Size | null; take: Take } = { size: null, take: "never" };

  constructor(
    readonly agent: string,
    readonly terminal: number,
    private readonly screen: Screen,
    private readonly listener: StreamListener,
  ) {}

  get streamNumber(): number | null {
    return this.s;
  }

  get pendingInputBytes(): number {
    return this.input.pendingBytes;
  }

  /** Looks at the terminal from now on, across connections, until `detach`. */
  attach(size: Size | null, take: Take): void {
    this.wanted = { size, take };
    if (this.phase === "live" || this.phase === "attaching") return;
    this.end = null;
    this.enter("waiting");
    this.open();
  }

  detach(): void {
    if (this.s !== null) this.wire?.control({ t: "detach", s: this.s });
    this.close();
    this.holder = "none";
    if (this.phase !== "ended") this.enter("detached");
  }

  /** The space for the terminal is now `size`. `take` says whether to ask for the size lease as well. */
  fit(size: Size, take: Take): void {
    this.wanted = { size, take: take === "never" ? this.wanted.take : "if-free" };
    if (this.s !== null) this.wire?.control({ t: "size", s: this.s, take, cols: size.cols, rows: size.rows });
  }

  release(): void {
    this.wanted = { ...this.wanted, take: "never" };
    if (this.s !== null) this.wire?.control({ t: "release", s: this.s });
  }

  /** Queues what the user typed. False if it cannot be taken: too much is pending, or the terminal is gone. */
  type(bytes: Uint8Array): boolean {
    if (this.phase === "ended" || !this.input.push(bytes)) return false;
    this.sendInput();
    this.listener.changed();
    return true;
  }

  /** Queues a text for the owner's paste command. It keeps its place between what is typed before and after it. */
  paste(text: string): boolean {
    if (this.phase === "ended" || !this.input.pushPaste(new TextEncoder().encode(text))) return false;
    this.sendInput();
    this.listener.changed();
    return true;
  }

  connected(wire: Wire): void {
    this.wire = wire;
    if (this.phase === "waiting") this.open();
  }

  disconnected(): void {
    this.wire = null;
    this.pastes.disconnected();
    this.close();
    if (this.phase === "live" || this.phase === "attaching") this.enter("waiting");
  }

  receive(message: StreamMessage): void {
    switch (message.t) {
      case "attached":
        return this.attached(message);
      case "size":
        return this.sizeChanged(message, message.holder);
      case "input-ack":
        this.input.acknowledged(message.seq);
        this.sendInput();
        return this.listener.changed();
      case "input-lost":
        this.heard += 1;
        this.reportLoss(this.input.lost(message.seq), message.message);
        return this.listener.changed();
      case "ended":
        this.close();
        this.position = null;
        this.end = { reason: message.reason, message: message.message };
        this.pastes.abandon();
        this.reportLoss(this.input.abandon(), "The terminal ended before it was written.");
        return this.enter("ended");
    }
  }

  receiveFrame(frame: ServerFrame): void {
    if (frame.kind === "snapshot") this.receiveSnapshot(frame);
    else this.receiveData(frame);
  }

  private open(): void {
    if (this.wire === null) return;
    this.s = this.wire.nextStream();
    this.heard = 0;
    this.enter("attaching");
    this.wire.control({
      t: "attach",
      s: this.s,
      agent: this.agent,
      terminal: this.terminal,
      from: this.position,
      size: this.wanted.size,
      take: this.wanted.take,
    });
  }

  private attached(message: Attached): void {
    const { repeat, loss } = this.input.resumed(message.input_seq, message.input_known);
    if (this.position?.generation !== message.generation) this.position = null;
    this.size = { cols: message.cols, rows: message.rows };
    this.holder = message.holder;
    this.acks.restart(message.offset);
    if (this.position?.offset === message.offset) {
      this.screen.resize(this.size);
      this.phase = "live";
    }
    this.inputOpen = true;
    this.heard += 1;
    this.sendChunks(repeat);
    this.connectPastes();
    this.sendInput();
    this.reportLoss(loss, "The node was restarted before it confirmed them.");
    this.listener.changed();
  }

  private sizeChanged(size: Size, holder: Holder): void {
    this.size = { cols: size.cols, rows: size.rows };
    this.holder = holder;
    this.listener.changed();
  }

  private receiveSnapshot(frame: SnapshotFrame): void {
    const position = { generation: frame.generation, offset: frame.offset };
    this.position = position;
    this.acks.restart(frame.offset);
    this.size = { cols: frame.cols, rows: frame.rows };
    const s = frame.s;
    this.screen.replace(this.size, frame.bytes, () => {
      if (this.s === s && this.position?.generation === position.generation) {
        this.wire?.binary(encodeAck(s, position.offset));
      }
    });
    this.enter("live");
  }

  private receiveData(frame: DataFrame): void {
    if (this.position === null) return;
    const { generation, offset } = this.position;
    if (frame.offset > offset) return this.reattach();
    const bytes = frame.bytes.subarray(offset - frame.offset);
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    this.position = { generation, offset: end };
    this.acks.received(end);
    this.screen.append(bytes, () => this.processed(generation, end));
    if (this.phase !== "live") this.enter("live");
  }

  private processed(generation: string, offset: number): void {
    if (this.s === null || this.position?.generation !== generation) return;
    const ack = this.acks.processed(offset);
    if (ack !== null) this.wire?.binary(encodeAck(this.s, ack));
  }

  /** Bytes are missing between what is here and what came: start over from a snapshot. */
  private reattach(): void {
    if (this.s !== null) this.wire?.control({ t: "detach", s: this.s });
    this.close();
    this.position = null;
    this.open();
  }

  private reportLoss(loss: InputLoss | null, message: string): void {
    if (loss !== null) this.listener.inputLost(loss, message);
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.listener.changed();
  }

  /** Forgets the open stream; what is known about the terminal stays. */
  private close(): void {
    this.s = null;
    this.inputOpen = false;
  }

  private sendInput(): void {
    if (!this.inputOpen) return;
    this.sendChunks(this.input.takeSendable());
    const paste = this.input.takePaste();
    if (paste !== null) this.pastes.begin(new TextDecoder().decode(paste));
  }

  private connectPastes(): void {
    const { wire, agent, terminal } = this;
    if (wire === null) return;
    this.pastes.connected({
      instance: wire.instance,
      paste: (text, key, signal) => wire.paste(agent, terminal, text, key, signal),
    });
  }

  private pasteFinished(failure: string | null): void {
    if (failure === null) this.input.pasted();
    else this.reportLoss(this.input.pasteLost(), failure);
    this.sendInput();
    this.listener.changed();
  }

  private sendChunks(chunks: readonly InputChunk[]): void {
    if (this.s === null) return;
    for (const chunk of chunks) this.wire?.binary(encodeInput(this.s, this.heard, chunk.seq, chunk.bytes));
  }
}
