// One xterm.js terminal on the page: writes, replaces, scales, searches. Everything about the emulator is in here.

import { SearchAddon, type ISearchOptions } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal, type ITheme } from "@xterm/xterm";
import type { Size } from "../protocol/types";
import type { Screen } from "../stream/terminal-stream";
import { configureEmulator, EMULATOR_OPTIONS, replacement } from "./emulator";
import { cellsThatFit, fontThatFits, type Pixels, scrollToShow, SMALLEST_FONT_PX, zoomedFont } from "./fit";
import { KeyboardModes } from "./keyboard-modes";
import { wordAround } from "./link-text";
import { interceptPastes } from "./pastes";
import type { Prediction } from "./predictor";
import { watchModeChanges } from "./queries";
import { CURRENT_MATCH, TERMINAL_FONT } from "./theme";
import { scrollByTouch } from "./touch";

export interface TerminalLook {
  readonly fontPx: number;
  readonly theme: ITheme;
  readonly dark: boolean;
  readonly screenReader: boolean;
  /** Draw with WebGL where it works. */
  readonly accelerated: boolean;
}

export interface TerminalViewListener {
  /** What the user typed, and reports about mouse and focus that the program asked for. */
  typed(text: string): void;
  /** A text that came from elsewhere as a whole. */
  pasted(text: string): void;
  /** Mouse reports of the old kind, which are not text. */
  reported(bytes: Uint8Array): void;
  /** True if the dashboard takes this key; the terminal then does not see it. */
  key(event: KeyboardEvent): boolean;
  clipboard(text: string): void;
  /** A link was clicked: what stands there, and where it leads. */
  link(text: string, target: string): void;
  scrolled(linesFromBottom: number): void;
  /** Output was parsed, or the cursor went somewhere else. */
  moved(): void;
  searchResults(index: number, count: number): void;
  /** Two fingers moved apart, or together, around a point of the window. */
  pinched(factor: number, at: { readonly x: number; readonly y: number }): void;
}

/**
 * In the light design: programs choose colours for dark terminals, and the default text on their dark red and green would else be
 * just legible.
 */
const LIGHT_CONTRAST = 7;

/** A hidden terminal keeps its renderer for a moment, so that the next one takes over the glyphs that are drawn. */
const KEEP_RENDERER_MS = 2_000;

const LEAVE_ALTERNATE_SCREEN = "\x1b[?47l";

const SEARCH: ISearchOptions = {
  decorations: {
    matchBackground: "#7a5c00",
    activeMatchBackground: CURRENT_MATCH,
    matchOverviewRuler: "#b58900",
    activeMatchColorOverviewRuler: CURRENT_MATCH,
  },
};

export class TerminalView implements Screen {
  readonly host = document.createElement("div");
  readonly xterm: Terminal;
  readonly keyboard: KeyboardModes;
  private readonly search = new SearchAddon({ highlightLimit: 1000 });
  private readonly prediction = document.createElement("div");
  private searching = false;
  private webgl: WebglAddon | null = null;
  private webglTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private look: TerminalLook, private readonly listener: TerminalViewListener) {
    this.host.className = "terminal-host";
    this.prediction.className = "prediction";
    this.prediction.dataset.testid = "prediction";
    this.prediction.ariaHidden = "true";
    this.prediction.hidden = true;
    this.xterm = new Terminal({
      ...EMULATOR_OPTIONS,
      cursorInactiveStyle: "outline",
      drawBoldTextInBrightColors: false,
      fontFamily: TERMINAL_FONT,
      fontSize: look.fontPx,
      linkHandler: {
        // Others are refused with a reason.
        allowNonHttpProtocols: true,
        activate: (_event, uri, range) => listener.link(wordAround(this.xterm.buffer.active, range), uri),
        hover: (_event, uri) => (this.host.title = uri),
        leave: () => this.host.removeAttribute("title"),
      },
      macOptionClickForcesSelection: true,
      minimumContrastRatio: look.dark ? 1 : LIGHT_CONTRAST,
      screenReaderMode: look.screenReader,
      theme: look.theme,
    });
    configureEmulator(this.xterm, { clipboard: (text) => listener.clipboard(text) });
    this.xterm.loadAddon(new WebLinksAddon((_event, uri) => listener.link(uri, uri)));
    this.xterm.loadAddon(this.search);
    // xterm draws no cursor before the first focus, except after this, which otherwise does nothing.
    this.xterm.write(LEAVE_ALTERNATE_SCREEN);
    this.keyboard = new KeyboardModes(this.xterm);
    this.listen();
    scrollByTouch(this.host, this.xterm, (factor, at) => listener.pinched(factor, at));
    interceptPastes(this.host, (text) => listener.pasted(text));
    Object.assign(this.host, { consortTerminal: this.xterm });
  }

  /** Puts the terminal on the page. `accelerated`: with WebGL where it works, of which browsers allow few at a time. */
  show(space: HTMLElement, accelerated = true): void {
    this.host.style.transform = "";
    space.append(this.host);
    if (this.xterm.element === undefined) this.xterm.open(this.host);
    if (accelerated) this.accelerate();
    else this.decelerate();
  }

  /**
   * Puts the terminal on the page as a picture of itself, which `shrinkInto` scales: nothing is measured or drawn anew, and nothing
   * accelerates it.
   */
  showSmall(space: HTMLElement): void {
    if (this.host.parentElement !== space) space.append(this.host);
    if (this.xterm.element === undefined) this.xterm.open(this.host);
    clearTimeout(this.webglTimer);
    this.webglTimer = setTimeout(() => this.decelerate(), KEEP_RENDERER_MS);
    this.showPrediction(null);
  }

  /** Scales the picture into `room`, but not above letters of `preferredPx`. Reads no layout: nine of them would be laid out nine times. */
  shrinkInto(room: Pixels, preferredPx: number): void {
    const style = this.host.querySelector<HTMLElement>(".xterm-screen")?.style;
    const [width, height] = [Number.parseFloat(style?.width ?? ""), Number.parseFloat(style?.height ?? "")];
    if (!(width > 0 && height > 0)) return;
    const scale = Math.min(room.width / width, room.height / height, preferredPx / this.fontPx);
    this.host.style.transform = `scale(${scale})`;
  }

  get fontPx(): number {
    return this.xterm.options.fontSize ?? 0;
  }

  get isAccelerated(): boolean {
    return this.webgl !== null;
  }

  /** Lays text that is expected over the screen. */
  showPrediction(prediction: Prediction | null): void {
    if (prediction === null) {
      this.prediction.hidden = true;
      return;
    }
    const screen = this.host.querySelector(".xterm-screen");
    if (screen !== null && this.prediction.parentElement !== screen) screen.append(this.prediction);
    const cell = this.cellPixels();
    const { foreground = "", background = "" } = this.look.theme;
    Object.assign(this.prediction.style, {
      left: `${prediction.column * cell.width}px`, top: `${prediction.row * cell.height}px`,
      width: `${prediction.text.length * cell.width}px`, height: `${cell.height}px`,
      font: `${this.xterm.options.fontSize}px/${cell.height}px ${TERMINAL_FONT}`, letterSpacing: `calc(${cell.width}px - 1ch)`,
      color: foreground, background,
    });
    this.prediction.textContent = prediction.text;
    this.prediction.hidden = false;
  }

  hide(): void {
    this.xterm.blur();
    this.host.remove();
    clearTimeout(this.webglTimer);
    this.webglTimer = setTimeout(() => this.decelerate(), KEEP_RENDERER_MS);
  }

  dispose(): void {
    this.hide();
    clearTimeout(this.webglTimer);
    this.decelerate();
    this.xterm.dispose();
  }

  setLook(look: TerminalLook): void {
    this.look = look;
    this.showTheme();
    this.xterm.options.minimumContrastRatio = look.dark ? 1 : LIGHT_CONTRAST;
    this.xterm.options.screenReaderMode = look.screenReader;
  }

  /**
   * Replaces screen, scrollback and modes. The old content stays until the new one is parsed, in one step: no frame
   * shows an empty screen. Whoever has scrolled up stays as far from the bottom as before.
   */
  replace(size: Size, bytes: Uint8Array, processed: () => void): void {
    let fromBottom = 0;
    this.xterm.write("", () => {
      fromBottom = this.linesFromBottom();
      this.resize(size);
    });
    this.xterm.write(replacement(bytes), () => {
      if (fromBottom > 0) this.xterm.scrollToLine(Math.max(0, this.xterm.buffer.active.baseY - fromBottom));
      processed();
    });
  }

  append(bytes: Uint8Array, processed: () => void): void {
    this.xterm.write(bytes, processed);
  }

  resize({ cols, rows }: Size): void {
    if (cols !== this.xterm.cols || rows !== this.xterm.rows) this.xterm.resize(cols, rows);
  }

  /** Cells that fit in `space` at the font size `fontPx`, which is applied. */
  fill(space: Pixels, fontPx: number): Size | null {
    this.setFontPx(fontPx);
    return cellsThatFit(space, this.cellPixels());
  }

  /**
   * Chooses the font size at which the whole terminal is visible, times `zoom`; null: as `zoomedFont` says. Returns the
   * enlargement and whether all of it can be seen.
   */
  scaleInto(space: Pixels, preferredPx: number, zoom: number | null, readablePx: number): { zoom: number; all: boolean; fontPx: number } {
    const size = { cols: this.xterm.cols, rows: this.xterm.rows };
    const current = this.xterm.options.fontSize ?? preferredPx;
    let fontPx = fontThatFits(space, size, this.cellPixels(), current, preferredPx);
    this.setFontPx(fontPx);
    // Cells are rounded to device pixels, so the first estimate can be a little too large.
    for (let step = 0; step < 8 && fontPx > SMALLEST_FONT_PX && this.overflows(space); step++) {
      fontPx -= Math.max(0.1, fontPx * 0.02);
      this.setFontPx(fontPx);
    }
    const shownPx = zoomedFont(fontPx, zoom, readablePx, preferredPx);
    this.setFontPx(shownPx);
    return { zoom: shownPx / fontPx, all: shownPx === fontPx, fontPx: shownPx };
  }

  /** Whether the terminal has more cells than `size`. */
  exceeds({ cols, rows }: Size): boolean {
    return this.xterm.cols > cols || this.xterm.rows > rows;
  }

  /** Whether the cursor is in the part of the terminal that can be seen now. */
  isCursorVisible(): boolean {
    const space = this.host.parentElement;
    if (space === null) return false;
    const { left, top } = this.scrollToCursor(space);
    return left === space.scrollLeft && top === space.scrollTop;
  }

  revealCursor(): void {
    const space = this.host.parentElement;
    if (space !== null) space.scrollTo({ ...this.scrollToCursor(space), behavior: "instant" });
  }

  /** A key was sent for the user that the emulator did not see: does what it does then. */
  typed(): void {
    if (this.linesFromBottom() > 0) this.xterm.scrollToBottom();
    if (this.xterm.hasSelection()) this.xterm.clearSelection();
  }

  /** What a point of the window shows stays there while `change` makes the letters larger or smaller. */
  keepInPlace(at: { readonly x: number; readonly y: number }, change: () => void): void {
    const space = this.host.parentElement;
    const screen = this.host.querySelector(".xterm-screen");
    if (space === null || screen === null) return change();
    const before = screen.getBoundingClientRect();
    const [x, y] = [(at.x - before.left) / before.width, (at.y - before.top) / before.height];
    change();
    const after = screen.getBoundingClientRect();
    space.scrollBy({ left: after.left + x * after.width - at.x, top: after.top + y * after.height - at.y, behavior: "instant" });
  }

  linesFromBottom(): number {
    const { baseY, viewportY } = this.xterm.buffer.active;
    return baseY - viewportY;
  }

  find(text: string, direction: "next" | "previous", incremental = false): void {
    if (text === "") return this.endSearch();
    this.setSearching(true);
    if (direction === "next") this.search.findNext(text, { ...SEARCH, incremental });
    else this.search.findPrevious(text, { ...SEARCH, incremental });
  }

  endSearch(): void {
    this.setSearching(false);
    this.search.clearDecorations();
    this.xterm.clearSelection();
  }

  /** All text, scrollback first, with lines that were wrapped joined again. */
  text(): string {
    const buffer = this.xterm.buffer.active;
    let text = "";
    for (let y = 0; y < buffer.length; y++) {
      const line = buffer.getLine(y);
      if (line === undefined) break;
      const continues = buffer.getLine(y + 1)?.isWrapped ?? false;
      text += line.translateToString(!continues) + (continues ? "" : "\n");
    }
    return text.trimEnd();
  }

  private listen(): void {
    const causedByOutput = watchModeChanges(this.xterm);
    this.xterm.onData((text) => {
      if (!causedByOutput()) this.listener.typed(text);
    });
    this.xterm.onBinary((text) => {
      this.listener.reported(Uint8Array.from(text, (char) => char.charCodeAt(0)));
    });
    this.xterm.attachCustomKeyEventHandler((event) => !this.listener.key(event));
    this.xterm.onScroll(() => this.listener.scrolled(this.linesFromBottom()));
    this.xterm.onWriteParsed(() => {
      this.listener.scrolled(this.linesFromBottom());
      this.listener.moved();
    });
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.listener.searchResults(resultIndex, resultCount);
    });
  }

  /** WebGL where it works. A lost context falls back to the DOM renderer and is tried again the next time it is shown. */
  private accelerate(): void {
    clearTimeout(this.webglTimer);
    if (this.webgl !== null || !this.look.accelerated || !webglIsFast()) return;
    try {
      const addon = new WebglAddon();
      addon.onContextLoss(() => {
        addon.dispose();
        if (this.webgl === addon) this.webgl = null;
      });
      this.xterm.loadAddon(addon);
      this.webgl = addon;
    } catch {
      // The DOM renderer does it.
    }
  }

  private decelerate(): void {
    this.webgl?.dispose();
    this.webgl = null;
  }

  private setSearching(searching: boolean): void {
    if (this.searching === searching) return;
    this.searching = searching;
    this.showTheme();
  }

  /** The match that was found last is selected: while searching, the selection is the most visible thing there is. */
  private showTheme(): void {
    const { theme } = this.look;
    this.xterm.options.theme = this.searching
      ? { ...theme, selectionBackground: CURRENT_MATCH, selectionInactiveBackground: CURRENT_MATCH, selectionForeground: "#000000" }
      : theme;
  }

  private scrollToCursor(space: HTMLElement): { left: number; top: number } {
    const cell = this.cellPixels();
    const screen = this.host.querySelector<HTMLElement>(".xterm-screen");
    const { cursorX, cursorY } = this.xterm.buffer.active;
    const origin = { left: screen?.offsetLeft ?? 0, top: screen?.offsetTop ?? 0 };
    const left = origin.left + cursorX * cell.width;
    const top = origin.top + cursorY * cell.height;
    return {
      left: scrollToShow(left, left + cell.width * 3, space.scrollLeft, space.clientWidth),
      top: scrollToShow(top, top + cell.height * 2, space.scrollTop, space.clientHeight),
    };
  }

  private setFontPx(fontPx: number): void {
    if (this.xterm.options.fontSize !== fontPx) this.xterm.options.fontSize = fontPx;
  }

  private cellPixels(): Pixels {
    const screen = this.screenPixels();
    return { width: screen.width / this.xterm.cols, height: screen.height / this.xterm.rows };
  }

  private overflows(space: Pixels): boolean {
    const screen = this.screenPixels();
    return screen.width > space.width || screen.height > space.height;
  }

  private screenPixels(): Pixels {
    const rect = this.host.querySelector(".xterm-screen")?.getBoundingClientRect();
    return { width: rect?.width ?? 0, height: rect?.height ?? 0 };
  }
}

let fastWebgl: boolean | null = null;

/** WebGL drawn by the processor is slower than the DOM, above all to start. */
function webglIsFast(): boolean {
  fastWebgl ??= probeWebgl();
  return fastWebgl;
}

function probeWebgl(): boolean {
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (context === null) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(context.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}
