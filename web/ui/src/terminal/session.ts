// A terminal on this page: its stream, its emulator, and the rules for whose size counts.

import { signal } from "@preact/signals";
import type { EndReason, Holder, Size } from "../protocol/types";
import type { InputLoss } from "../stream/input-queue";
import { TerminalStream, type Phase } from "../stream/terminal-stream";
import { zoomStep, type Pixels } from "./fit";
import { bytesOfEvent, bytesOfKey, type KeyRules } from "./key-events";
import { keyOfText, type KeyPress } from "./keys";
import type { Modifiers } from "./modifiers";
import { Predictor } from "./predictor";
import { TerminalView, type TerminalLook } from "./terminal-view";

export interface SessionState {
  readonly phase: Phase;
  readonly size: Size | null;
  readonly holder: Holder;
  readonly pendingInputBytes: number;
  readonly end: { readonly reason: EndReason; readonly message: string } | null;
  /** Something has been shown at least once; it stays while the stream is interrupted. */
  readonly hasContent: boolean;
  /** The terminal has the size of the space here; otherwise it is shown scaled, with its edges. */
  readonly fitted: boolean;
}

/** What a session needs from the page around it. */
export interface SessionSurroundings {
  look(): TerminalLook;
  /** Letters of a terminal that does not fit are not smaller than this, unless the user wants to see all of it. */
  readablePx(): number;
  /** Who types also wants the terminal to fit here. Not on a phone, where a short answer would reflow it. */
  typingFits(): boolean;
  key(event: KeyboardEvent): boolean;
  readonly isMac: boolean;
  /** Sticky modifiers of the key bar. */
  modifiers(): Modifiers;
  /** A key was sent with them. */
  modifiersUsed(): void;
  /** What gives a new line in this terminal's program, if that asks for no more; `null`: Shift+Enter submits. */
  newLine(agent: string, terminal: number): string | null;
  clipboard(text: string): void;
  link(text: string, target: string): void;
  inputLost(agent: string, loss: InputLoss, message: string): void;
  inputRefused(bytes: number): void;
}

const FIT_DEBOUNCE_MS = 120;
/** After this long a size that was asked for and did not come will not come. */
const SETTLE_MS = 600;

export class TerminalSession {
  readonly state = signal<SessionState>({
    phase: "detached", size: null, holder: "none", pendingInputBytes: 0, end: null, hasContent: false,
    fitted: true,
  });
  readonly linesFromBottom = signal(0);
  /** How much larger than "all of it is visible" a terminal of another size is shown, and in letters of which size. */
  readonly scale = signal({ zoom: 1, all: true, fontPx: 0 });
  readonly searchResult = signal({ index: -1, count: 0 });
  /** One may only look, and somebody types all the same: counts how often. */
  readonly refusals = signal(0);
  readonly view: TerminalView;
  readonly stream: TerminalStream;

  private readonly encoder = new TextEncoder();
  private readonly predictor: Predictor;
  private predictorTimer: ReturnType<typeof setTimeout> | undefined;
  private space: (() => Pixels) | null = null;
  private zoom: number | null = null;
  /** It is seen with the other terminals of its window: all of it, in the part of the space that the window gives it. */
  private together = false;
  /** The user wants the terminal to fit here: said so, or types. Looking alone changes no size. */
  private wished = false;
  /** The user said that others decide the size: typing does not change that. */
  private released = false;
  private fitTimer: ReturnType<typeof setTimeout> | undefined;
  private asked: Size | null = null;
  private settleTimer: ReturnType<typeof setTimeout> | undefined;
  private settled = false;
  /** The cursor is kept in view until the user looks elsewhere. */
  private following = true;
  private laidOut: { readonly for: string; readonly room: Size | null; readonly fontPx: number } | null = null;

  constructor(
    readonly agent: string,
    readonly terminal: number,
    private readonly around: SessionSurroundings,
  ) {
    this.view = new TerminalView(around.look(), {
      typed: (text) => {
        if (!isReport(text)) this.work();
        this.typeModified(text);
      },
      pasted: (text) => this.paste(text),
      reported: (bytes) => this.send(bytes),
      key: (event) => around.key(event) || this.keyEvent(event),
      clipboard: (text) => around.clipboard(text),
      link: (text, target) => around.link(text, target),
      scrolled: (lines) => (this.linesFromBottom.value = lines),
      moved: () => {
        this.follow();
        this.predictor.parsed(performance.now());
        this.showPrediction();
      },
      searchResults: (index, count) => (this.searchResult.value = { index, count }),
      pinched: (factor, at) => this.pinch(factor, at),
    });
    this.predictor = new Predictor(this.view.xterm);
    this.stream = new TerminalStream(agent, terminal, this.screen(), {
      changed: () => this.changed(),
      inputLost: (loss, message) => around.inputLost(agent, loss, message),
    });
    Object.assign(this.view.host.dataset, { testid: "terminal-host", agentId: agent, terminal: String(terminal) });
  }

  /** How many cells would fit here; null while it is not shown. */
  get room(): Size | null {
    return this.space === null ? null : this.asked;
  }

  /** Shows the terminal in `element`; `space` tells how much room there is. `together`: with the others of its window. */
  show(element: HTMLElement, space: () => Pixels, together = false): void {
    this.space = space;
    this.together = together;
    this.view.show(element, !together);
    this.view.setLook(this.around.look());
    this.following = true;
    const size = this.known(space())?.room ?? this.view.fill(space(), this.around.look().fontPx);
    this.ask(size);
    const { phase } = this.state.value;
    if ((phase === "live" || phase === "attaching") && size !== null) this.stream.fit(size, this.take);
    else if (phase !== "ended") this.stream.attach(size, this.take);
    this.layout();
  }

  /** Shows it small, to be looked at only: no size, no key and no renderer is its own. */
  showSmall(element: HTMLElement): void {
    this.space = null;
    this.view.showSmall(element);
    const { phase } = this.state.value;
    if (phase === "detached" || phase === "waiting") this.stream.attach(null, "never");
  }

  /** Nobody looks at it here any more, so others may decide its size. */
  hide(): void {
    clearTimeout(this.fitTimer);
    clearTimeout(this.settleTimer);
    this.space = null;
    this.giveSizeUp();
    this.wished = false;
    this.view.hide();
  }

  /** The page went into the background, or came back. */
  setWatched(watched: boolean): void {
    if (!watched) this.giveSizeUp();
    else if (this.space !== null && this.wished) this.requestSize("if-free");
  }

  /** After the end: look again, because the user or the node has started it anew. */
  reopen(): void {
    this.stream.attach(this.asked, this.take);
  }

  /** Looks at it without showing it, to type into it. */
  openUnseen(): void {
    if (this.state.value.phase === "detached") this.stream.attach(null, "never");
  }

  dispose(): void {
    clearTimeout(this.settleTimer);
    clearTimeout(this.predictorTimer);
    this.stream.detach();
    this.view.dispose();
  }

  setLook(): void {
    this.view.setLook(this.around.look());
    this.layout();
  }

  /** Shows a terminal of another size than the space in larger or smaller letters; null: as it is best read. */
  setZoom(zoom: number | null): void {
    this.zoom = zoom;
    this.layout();
    this.view.revealCursor();
  }

  /** The same by a factor, never smaller than "all of it is visible". */
  zoomBy(factor: number): void {
    this.setZoom(zoomStep(this.scale.value.zoom, factor));
  }

  private pinch(factor: number, at: { readonly x: number; readonly y: number }): void {
    if (this.state.value.fitted) return;
    this.following = false;
    this.view.keepInPlace(at, () => {
      this.zoom = zoomStep(this.scale.value.zoom, factor);
      this.layout();
    });
  }

  /** The space or the font has changed: ask for another size if this viewer decides it. What does not fit is scaled. */
  layout(): void {
    const space = this.space?.();
    if (space === undefined || space.width <= 0 || space.height <= 0) return;
    const { fontPx } = this.around.look();
    const ended = this.stream.phase === "ended";
    if (this.stream.holder !== "you" && !ended) return this.layoutAsLooker(space, fontPx);
    const size = this.view.fill(space, fontPx);
    if (size === null) return;
    if (ended) return this.view.exceeds(size) ? this.scaleInto(space, fontPx) : this.setFitted(true);
    if (!sameSize(size, this.asked)) {
      clearTimeout(this.fitTimer);
      this.fitTimer = setTimeout(() => {
        this.ask(size);
        this.stream.fit(size, "never");
      }, FIT_DEBOUNCE_MS);
    } else if (this.settled && this.view.exceeds(size)) {
      return this.scaleInto(space, fontPx);
    }
    this.setFitted(!this.settled || sameSize(size, this.stream.size));
  }

  /** The user has scrolled within the space: the cursor is followed as long as it is in view. */
  panned(): void {
    this.following = this.view.isCursorVisible();
  }

  takeSize(): void {
    this.wished = true;
    this.released = false;
    this.requestSize("always");
  }

  releaseSize(): void {
    this.wished = false;
    this.released = true;
    this.stream.release();
  }

  /** Whether this machine may only look at the terminal: then nothing that is typed is sent. */
  setReadOnly(readOnly: boolean): void {
    this.view.xterm.options.disableStdin = readOnly;
    this.refusals.value = 0;
  }

  private refuse(): boolean {
    const readOnly = this.view.xterm.options.disableStdin === true;
    if (readOnly) this.refusals.value += 1;
    return readOnly;
  }

  /** Somebody works here, and does not only look. */
  private work(): void {
    if (this.wished || this.released || this.together || this.space === null || !this.around.typingFits()) return;
    this.wished = true;
    if (this.stream.holder === "none") this.requestSize("if-free");
  }

  private giveSizeUp(): void {
    if (this.stream.holder === "you") this.stream.release();
  }

  private get take(): "if-free" | "never" {
    return this.wished ? "if-free" : "never";
  }

  private ask(size: Size | null): void {
    this.asked = size;
    this.settled = false;
    clearTimeout(this.settleTimer);
    this.settleTimer = setTimeout(() => {
      this.settled = true;
      this.layout();
    }, SETTLE_MS);
  }

  /** A terminal that others decide about, or nobody: as it is, unless it happens to fit. */
  private layoutAsLooker(space: Pixels, fontPx: number): void {
    if (this.known(space) !== null) return this.follow();
    const size = this.view.fill(space, fontPx);
    if (size !== null && this.zoom === null && !this.together && sameSize(size, this.stream.size)) this.setFitted(true);
    else this.scaleInto(space, fontPx);
    this.laidOut = { for: this.circumstances(space), room: size, fontPx: this.view.fontPx };
  }

  /** The last layout, if it is the one for this space and still holds: coming back to a terminal needs no new one. */
  private known(space: Pixels): typeof this.laidOut {
    const { laidOut } = this;
    return laidOut !== null && laidOut.fontPx === this.view.fontPx && laidOut.for === this.circumstances(space) ? laidOut : null;
  }

  /** Everything that a layout depends on. */
  private circumstances({ width, height }: Pixels): string {
    const { xterm, isAccelerated } = this.view;
    const { size, holder, phase } = this.stream;
    return [
      width, height, this.around.look().fontPx, this.around.readablePx(), this.zoom, this.together, xterm.cols, xterm.rows, size?.cols, size?.rows,
      holder === "you" || phase === "ended", isAccelerated, devicePixelRatio,
    ].join(" ");
  }

  private scaleInto(space: Pixels, fontPx: number): void {
    const scale = this.view.scaleInto(space, fontPx, this.together ? 1 : this.zoom, this.around.readablePx());
    const before = this.scale.value;
    if (scale.zoom !== before.zoom || scale.all !== before.all || scale.fontPx !== before.fontPx) this.scale.value = scale;
    this.setFitted(false);
    this.follow();
  }

  private setFitted(fitted: boolean): void {
    if (this.state.value.fitted !== fitted) this.state.value = { ...this.state.value, fitted };
  }

  private follow(): void {
    if (this.space !== null && !this.state.value.fitted && this.following) this.view.revealCursor();
  }

  /** What the emulator or the key bar has typed. If a key stands for it, it is sent as the program wants that. */
  typeModified(text: string): void {
    const key = keyOfText(text);
    if (key === null || !this.pressKey(key.key, key.shift)) this.type(text);
  }

  /** Presses a key by its name, with the sticky modifiers of the key bar. False if it is typed text. */
  pressKey(key: string, shift = false): boolean {
    const press: KeyPress = { key, code: "", shift, ...this.around.modifiers(), event: "press" };
    const bytes = bytesOfKey(press, this.keyRules());
    if (bytes !== null) this.sendKey(bytes);
    return bytes !== null;
  }

  /** Whether the key is taken: it is sent, or it sends nothing. */
  private keyEvent(event: KeyboardEvent): boolean {
    if (isForProgram(event) && this.refuse()) return true;
    const bytes = bytesOfEvent(event, this.keyRules());
    if (bytes === null) return false;
    event.preventDefault();
    event.stopPropagation();
    if (bytes !== "") this.sendKey(bytes);
    return true;
  }

  private sendKey(bytes: string): void {
    this.work();
    this.around.modifiersUsed();
    this.view.typed();
    this.type(bytes);
  }

  private keyRules(): KeyRules {
    return {
      modes: this.view.keyboard.current,
      sticky: this.around.modifiers(),
      isMac: this.around.isMac,
      newLine: this.around.newLine(this.agent, this.terminal),
    };
  }

  /** Text as the keyboard would produce it. */
  type(text: string): void {
    this.following = true;
    this.follow();
    const settled = this.stream.pendingInputBytes === 0;
    this.send(this.encoder.encode(text));
    this.predict(text, settled);
  }

  /**
   * A text from elsewhere: clipboard, drop, key bar. The owner pastes it, as for every other client of the node: it alone
   * decides what of the text is fit for the program, and whether it goes in brackets.
   */
  paste(text: string): void {
    if (this.refuse()) return;
    this.work();
    this.following = true;
    this.follow();
    this.predictor.forget();
    this.showPrediction();
    if (!this.stream.paste(text)) this.around.inputRefused(text.length);
  }

  private send(bytes: Uint8Array): void {
    if (!this.stream.type(bytes)) this.around.inputRefused(bytes.length);
  }

  /** Shows what a key will probably do, if its echo is far away. What is not sent at once is not shown as if it were there. */
  private predict(text: string, settled: boolean): void {
    if (this.stream.phase !== "live") return;
    this.predictor.typed(text, performance.now(), settled);
    this.showPrediction();
    clearTimeout(this.predictorTimer);
    this.predictorTimer = setTimeout(() => {
      if (this.predictor.expire(performance.now())) this.showPrediction();
    }, this.predictor.patienceMs);
  }

  private showPrediction(): void {
    this.view.showPrediction(this.predictor.shown());
  }

  private requestSize(take: "if-free" | "always"): void {
    const space = this.space?.();
    const size = space && this.view.fill(space, this.around.look().fontPx);
    if (!size) return;
    this.ask(size);
    this.stream.fit(size, take);
  }

  private screen(): ConstructorParameters<typeof TerminalStream>[2] {
    return {
      replace: (size, bytes, processed) =>
        this.view.replace(size, bytes, () => {
          processed();
          if (!this.state.value.hasContent) this.state.value = { ...this.state.value, hasContent: true };
          this.layout();
          this.follow();
        }),
      append: (bytes, processed) => this.view.append(bytes, processed),
      resize: (size) => this.view.resize(size),
    };
  }

  private changed(): void {
    const before = this.state.value;
    const { phase, size, holder, pendingInputBytes, end } = this.stream;
    const { hasContent, fitted } = before;
    if (phase !== "live") {
      this.predictor.forget();
      this.showPrediction();
    }
    this.state.value = { phase, size, holder, pendingInputBytes, end, hasContent, fitted };
    if (holder === before.holder) return;
    const becameFree = holder === "none" && before.holder === "other" && phase === "live";
    if (becameFree && this.wished && this.space !== null && document.visibilityState === "visible") this.requestSize("if-free");
    else this.layout();
  }
}

const NO_INPUT = /^(?:Shift|Control|Alt|AltGraph|Meta|CapsLock|NumLock|ScrollLock|Fn|OS|ContextMenu)$/u;

/** A key that would reach the program; not what scrolls, or holds other keys. */
function isForProgram(event: KeyboardEvent): boolean {
  return event.type === "keydown" && !event.metaKey && !event.defaultPrevented && !NO_INPUT.test(event.key) && !(event.shiftKey && event.key.startsWith("Page"));
}

const REPORT = /^\x1b\[(?:[IO]|M[^]{3}|<\d+;\d+;\d+[Mm])/u;

/** Of the mouse or the focus, which the emulator says by itself: not typed. */
function isReport(text: string): boolean {
  return REPORT.test(text);
}

function sameSize(a: Size, b: Size | null): boolean {
  return a.cols === b?.cols && a.rows === b.rows;
}
