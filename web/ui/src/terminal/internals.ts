// The parts of xterm.js that our rules reach into because its interface has no place for them. The differential tests and those
// of the rules fail if a later version has others.

import type { Terminal } from "@xterm/xterm";

/** What characters are written with. */
export interface Attributes {
  fg: number;
  bg: number;
  clone(): Attributes;
}

/** One cell that was taken out of a line. */
export interface CellData {
  content: number;
  bg: number;
  getChars(): string;
  isBgDefault(): boolean;
  isInverse(): number;
  isUnderline(): number;
  isStrikethrough(): number;
}

/**
 * In the background of a cell: its character is a line that is drawn, not the character that looks like it. xterm.js has the bit
 * for what selective erasing spares, which no owner knows.
 */
export const DRAWN = 0x20000000;

const encoder = new TextEncoder();

/** Bytes of a cell's characters, as tmux counts them: of a line that is drawn it has the letter. */
export function bytesOfCell(cell: { getChars(): string }): number {
  const text = cell.getChars();
  const drawn = ((cell as CellData).bg & DRAWN) !== 0;
  return drawn ? 1 + encoder.encode(text.slice(1)).length : encoder.encode(text).length;
}

/** Content of a cell: a space of one column. */
export const SPACE = (1 << 22) | 0x20;

export interface Line {
  isWrapped: boolean;
  readonly length: number;
  clone(): Line;
  getWidth(column: number): number;
  hasContent(column: number): number;
  addCodepointToCell(column: number, code: number, width: number): void;
  getTrimmedLength(): number;
  loadCell(column: number, cell: CellData): CellData;
  setCell(column: number, cell: CellData): void;
}

export interface Buffer {
  x: number;
  y: number;
  ybase: number;
  ydisp: number;
  scrollTop: number;
  scrollBottom: number;
  tabs: object;
  readonly hasScrollback: boolean;
  readonly lines: {
    readonly isFull: boolean;
    readonly length: number;
    get(index: number): Line | undefined;
    splice(start: number, deleteCount: number, ...items: Line[]): void;
  };
  getNullCell(attributes: Attributes): CellData;
  getBlankLine(attributes: Attributes): Line;
}

export interface Params {
  readonly params: number[];
  readonly length: number;
}

type Edit = (params: Params) => boolean;

export interface Core {
  /** A reset makes new ones of these modes. */
  readonly coreService: { readonly decPrivateModes: { origin: boolean; readonly wraparound: boolean } };
  readonly unicodeService: {
    wcwidth(codepoint: number): number;
    /** Bit 0: the character joins the one before it. */
    charProperties(codepoint: number, preceding: number): number;
  };
  readonly _charsetService: { charset: unknown; glevel: number; _charsets: unknown[] };
  readonly _bufferService: {
    readonly cols: number;
    readonly rows: number;
    readonly isUserScrolling: boolean;
    readonly buffer: Buffer;
    readonly buffers: { readonly active: Buffer; readonly normal: Buffer; readonly alt: Buffer };
    scroll(eraseAttributes: Attributes, isWrapped?: boolean): void;
  };
  readonly _inputHandler: {
    _curAttrData: Attributes;
    readonly _parser: {
      readonly precedingJoinState: number;
      reset(): void;
      setExecuteHandler(control: string, handler: () => boolean): void;
    };
    readonly _dirtyRowTracker: { markDirty(row: number): void; markRangeDirty(top: number, bottom: number): void };
    _eraseAttrData(): Attributes;
    _moveCursor: (columns: number, rows: number) => void;
    _setCursor: (column: number, row: number) => void;
    _restrictCursor: (lastColumn?: number) => void;
    _resetBufferLine(row: number): void;
    parse(data: unknown, promiseResult?: boolean): unknown;
    print(data: Uint32Array, start: number, end: number): void;
    saveCursor: () => boolean;
    restoreCursor: () => boolean;
    screenAlignmentPattern: () => boolean;
    insertChars: Edit;
    readonly insertLines: Edit;
    readonly deleteLines: Edit;
    readonly eraseInDisplay: Edit;
    readonly eraseInLine: Edit;
    readonly setModePrivate: Edit;
    readonly resetModePrivate: Edit;
    readonly lineFeed: () => boolean;
    readonly fullReset: () => boolean;
  };
}

export const coreOf = (terminal: Pick<Terminal, "parser">): Core => (terminal as unknown as { _core: Core })._core;

/** A sequence's only parameter. */
export const one = (number: number): Params => ({ params: [number], length: 1 });

/** The attributes of a terminal that was reset. */
export const plainAttributes = ({ _inputHandler: { _curAttrData: pen } }: Core): Attributes =>
  new (pen.constructor as new () => Attributes)();

/** A cell to load others into. */
export const emptyCell = ({ _bufferService: { buffer }, _inputHandler: input }: Core): CellData =>
  new (buffer.getNullCell(input._eraseAttrData()).constructor as new () => CellData)();

/** As if there was no scrolling region. */
export function withoutMargins({ _bufferService: service }: Core, act: () => void): void {
  const { buffer } = service;
  const { scrollTop, scrollBottom } = buffer;
  buffer.scrollTop = 0;
  buffer.scrollBottom = service.rows - 1;
  act();
  buffer.scrollTop = scrollTop;
  buffer.scrollBottom = scrollBottom;
}
