// A terminal on this page: its stream, its emulator, and the rules for whose size counts.

import { signal } from "@preact/signals";
import type { EndReason, Holder, Size } from "../protocol/types";
import type { InputLoss } from "../stream/input-queue";
import { TerminalStream, type Phase } from "../stream/terminal-stream";
import type { Pixels } from "./fit";
import { TerminalView, type TerminalLook } from "./terminal-view";

export interface SessionState {
  readonly phase: Phase;
  readonly size: Size | null;
  readonly holder: Holder;
  readonly pendingInputBytes: number;
  readonly end: { readonly reason: EndReason; readonly message: string } | null;
  /** Something has been shown at least once; it stays while the stream is interrupted. */
  readonly hasContent: boolean;
}

/** What a session needs from the page around it. */
export interface SessionSurroundings {
  look(): TerminalLook;
  /** A desktop takes the size if nobody has it; a phone only when the user says so. */
  takesSize(): boolean;
  key(event: KeyboardEvent): boolean;
  /** Sticky modifiers of the key bar. */
  modify(text: string): string;
  clipboard(text: string): void;
  inputLost(loss: InputLoss, message: string): void;
  inputRefused(bytes: number): void;
}

const FIT_DEBOUNCE_MS = 120;

export class TerminalSession {
  readonly state = signal<SessionState>({
    phase: "detached", size: null, holder: "none", pendingInputBytes: 0, end: null, hasContent: false,
  });
  readonly linesFromBottom = signal(0);
  readonly searchResult = signal({ index: -1, count: 0 });
  readonly view: TerminalView;
  readonly stream: TerminalStream;

  private readonly encoder = new TextEncoder();
  private space: (() => Pixels) | null = null;
  private zoom = 1;
  private released = false;
  private fitTimer: ReturnType<typeof setTimeout> | undefined;
  private asked: Size | null = null;

  constructor(
    readonly agent: string,
    readonly terminal: number,
    private readonly around: SessionSurroundings,
  ) {
    this.view = new TerminalView(around.look(), {
      typed: (text) => this.typeModified(text),
      reported: (bytes) => this.send(bytes),
      key: (event) => around.key(event),
      clipboard: (text) => around.clipboard(text),
      scrolled: (lines) => (this.linesFromBottom.value = lines),
      searchResults: (index, count) => (this.searchResult.value = { index, count }),
    });
    this.stream = new TerminalStream(agent, terminal, this.screen(), {
      changed: () => this.changed(),
      inputLost: (loss, message) => around.inputLost(loss, message),
    });
    Object.assign(this.view.host.dataset, { testid: "terminal-host", agentId: agent, terminal: String(terminal) });
  }

  /** Shows the terminal in `element`; `space` tells how much room there is. */
  show(element: HTMLElement, space: () => Pixels): void {
    this.space = space;
    this.view.show(element);
    this.view.setLook(this.around.look());
    const size = this.view.fill(space(), this.around.look().fontPx);
    this.asked = size;
    if (this.state.value.phase !== "ended") this.stream.attach(size, this.around.takesSize() ? "if-free" : "never");
    this.layout();
  }

  hide(): void {
    clearTimeout(this.fitTimer);
    this.space = null;
    this.view.hide();
  }

  /** After the end: look again, because the user or the node has started it anew. */
  reopen(): void {
    this.stream.attach(this.asked, this.around.takesSize() ? "if-free" : "never");
  }

  dispose(): void {
    this.stream.detach();
    this.view.dispose();
  }

  setLook(): void {
    this.view.setLook(this.around.look());
    this.layout();
  }

  /** Enlarges a terminal whose size somebody else decides. */
  setZoom(zoom: number): void {
    this.zoom = zoom;
    this.layout();
  }

  /** The space or the font has changed: ask for another size if this viewer decides it, else scale. */
  layout(): void {
    const space = this.space?.();
    if (space === undefined || space.width <= 0 || space.height <= 0) return;
    const { fontPx } = this.around.look();
    if (this.stream.holder !== "you") return this.view.scaleInto(space, fontPx, this.zoom);
    const size = this.view.fill(space, fontPx);
    if (size === null || sameSize(size, this.asked)) return;
    clearTimeout(this.fitTimer);
    this.fitTimer = setTimeout(() => {
      this.asked = size;
      this.stream.fit(size, "never");
    }, FIT_DEBOUNCE_MS);
  }

  takeSize(): void {
    this.released = false;
    this.requestSize("always");
  }

  releaseSize(): void {
    this.released = true;
    this.stream.release();
  }

  /** What a key produces, with the sticky modifiers of the key bar. */
  typeModified(text: string): void {
    this.type(this.around.modify(text));
  }

  /** Text as the keyboard would produce it. */
  type(text: string): void {
    this.send(this.encoder.encode(text));
  }

  /** Clipboard text: bracketed if the program asked for that. */
  paste(text: string): void {
    this.view.xterm.paste(text);
  }

  private send(bytes: Uint8Array): void {
    if (!this.stream.type(bytes)) this.around.inputRefused(bytes.length);
  }

  private requestSize(take: "if-free" | "always"): void {
    const space = this.space?.();
    const size = space && this.view.fill(space, this.around.look().fontPx);
    if (!size) return;
    this.asked = size;
    this.stream.fit(size, take);
  }

  private screen(): ConstructorParameters<typeof TerminalStream>[2] {
    return {
      replace: (size, bytes, processed) =>
        this.view.replace(size, bytes, () => {
          processed();
          if (!this.state.value.hasContent) this.state.value = { ...this.state.value, hasContent: true };
          this.layout();
        }),
      append: (bytes, processed) => this.view.append(bytes, processed),
      resize: (size) => this.view.resize(size),
    };
  }

  private changed(): void {
    const before = this.state.value;
    const { phase, size, holder, pendingInputBytes, end } = this.stream;
    this.state.value = { phase, size, holder, pendingInputBytes, end, hasContent: before.hasContent };
    if (holder === before.holder) return;
    const becameFree = holder === "none" && before.holder === "other" && phase === "live";
    if (becameFree && !this.released && this.around.takesSize()) this.requestSize("if-free");
    else this.layout();
  }
}

function sameSize(a: Size, b: Size | null): boolean {
  return a.cols === b?.cols && a.rows === b.rows;
}
