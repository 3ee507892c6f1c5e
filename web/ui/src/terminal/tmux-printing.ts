// Prints characters as tmux does: where it wraps, what it leaves out, and what it makes of the halves of wide characters and of
// the cells behind what is inserted. The facts are from `screen_write_cell` and `screen_write_collect_add` in tmux's source.

import type { Terminal } from "@xterm/xterm";
import { bytesOfCell, coreOf, DRAWN, emptyCell, plainAttributes, SPACE, type Attributes, type Core, type Line } from "./internals";
import type { Owner } from "./owner-rules";

interface PrintedLine extends Line {
  setCellFromCodepoint(column: number, codepoint: number, width: number, pen: Attributes): void;
  addCodepointToCell(column: number, codepoint: number, width: number): void;
}

interface Printer {
  readonly _parser: { precedingJoinState: number };
  readonly _dirtyRowTracker: { markDirty(row: number): void };
  readonly _optionsService: { readonly rawOptions: { readonly screenReaderMode?: boolean } };
  readonly _onA11yChar: { fire(text: string): void };
  readonly _oscLinkService: { addLineToLink(link: number, row: number): void };
  _getCurrentLinkId(): number;
}

interface PrintingCore extends Core {
  readonly coreService: Core["coreService"] & { readonly modes: { readonly insertMode: boolean } };
  readonly _inputHandler: Core["_inputHandler"] & Printer;
}

const ZERO_WIDTH_JOINER = 0x200d;
/** To the counter of widths: a joiner stands before what comes next. */
const JOINER_BEFORE = 8 | 1;
/** To the counter of widths: the last character was a joiner. */
const JOINER = 8;
/** Bytes of a cell's characters that tmux keeps. What would be more is left out. */
const CELL_BYTES = 21;

const encoder = new TextEncoder();
const bytesOf = (codepoint: number): number => encoder.encode(String.fromCodePoint(codepoint)).length;

/** What a character of ASCII is to the counter of widths (widths.ts): one column, one byte, joining nothing. */
const ASCII = (1 << 4) | (1 << 1);

/**
 * Moves cells to the right. Those in between are erased only as far as cells have moved away from them: where more are inserted
 * than are left to move, some stay, and where none is left, all do.
 */
export function insertCells(core: Core, line: Line, column: number, count: number, pen: Attributes): void {
  const { buffer, cols } = core._bufferService;
  const fill = buffer.getNullCell(pen);
  if (column === cols - 1) line.setCell(column, fill);
  const moved = cols - column - count;
  if (column >= cols - 1 || moved <= 0 || count <= 0) return;
  const cell = emptyCell(core);
  for (let at = column + moved - 1; at >= column; at--) line.setCell(at + count, line.loadCell(at, cell));
  for (let at = column; at < column + Math.min(moved, count); at++) line.setCell(at, fill);
}

export interface Printing {
  /** Characters were printed over each other at the end of the line, since this was last set. */
  filled: boolean;
  /** A character is being repeated, so many times at most. Since 3.4 that wraps as ever. */
  repeats: number | null;
}

export function printAsTmux(terminal: Pick<Terminal, "parser">, owner: Owner): Printing {
  const core = coreOf(terminal) as PrintingCore;
  const { _inputHandler: input, _bufferService: service, _charsetService: sets, unicodeService: unicode } = core;
  const printAsOthers = input.print.bind(input);
  const plain = plainAttributes(core);
  const printing: Printing = { filled: false, repeats: null };

  const lineAtCursor = (): PrintedLine => {
    const { lines, ybase, y } = service.buffer;
    return lines.get(ybase + y) as PrintedLine;
  };
  /** The second half of a wide character. */
  const isPadding = (line: PrintedLine, column: number): boolean => line.getWidth(column) === 0 && !line.hasContent(column);
  const erase = (line: PrintedLine, column: number): void => line.setCellFromCodepoint(column, 0, 1, plain);

  /** What is printed next takes the second half of a wide character: its first half goes too, but not from the first column. */
  const eraseFirstHalf = (line: PrintedLine, column: number, collected = false): void => {
    if (column >= line.length || !isPadding(line, column)) return;
    let at = column;
    while (at > 0 && isPadding(line, at)) erase(line, at--);
    if (at > 0 || !collected) erase(line, at);
  };
  /** What was printed has taken the first half. */
  const eraseSecondHalf = (line: PrintedLine, column: number): void => {
    for (let at = column; at < line.length && isPadding(line, at); at++) erase(line, at);
  };

  /** Whether the cell has grown, over another one. */
  const join = (line: PrintedLine, codepoint: number, wider: number): boolean => {
    const { buffer, cols } = service;
    let column = buffer.x - 1;
    while (column > 0 && isPadding(line, column)) column--;
    if (column < 0 || isPadding(line, column)) return false;
    // Since 3.4 only right behind it.
    if (!owner.joiner && line.getWidth(column) !== buffer.x - column) return false;
    const cell = line.loadCell(column, emptyCell(core));
    if (!line.hasContent(column)) {
      cell.content = SPACE;
      line.setCell(column, cell);
    }
    if (bytesOfCell(cell) + bytesOf(codepoint) > CELL_BYTES) {
      // Since 3.4 it then takes the next cell, which keeps nothing else out.
      if (!owner.joiner && buffer.x < cols) {
        eraseFirstHalf(line, buffer.x);
        line.setCellFromCodepoint(buffer.x, codepoint, 1, input._curAttrData);
        eraseSecondHalf(line, buffer.x + 1);
      }
      return false;
    }
    const grows = wider > 0 && buffer.x < cols;
    line.addCodepointToCell(column, codepoint, grows ? 2 : 0);
    if (grows) line.setCellFromCodepoint(buffer.x++, 0, 0, input._curAttrData);
    // There is no place for its second half, and the cursor is on the first one then.
    else if (wider > 0) buffer.x = cols - 1;
    return grows;
  };

  const wrap = (): void => {
    const { buffer, rows } = service;
    if (buffer.y === buffer.scrollBottom) {
      service.scroll(plain, true);
    } else if (buffer.y < rows - 1) {
      buffer.y += 1;
      lineAtCursor().isWrapped = true;
    }
    buffer.x = 0;
  };

  input.print = (data, start, end) => {
    if (!owner.tmux) return printAsOthers(data, start, end);
    const { buffer, cols } = service;
    const { decPrivateModes, modes: { insertMode } } = core.coreService;
    const bounded = printing.repeats !== null && owner.joiner !== true;
    const wraparound = decPrivateModes.wraparound || bounded;
    const charset = sets.charset as Record<string, string> | undefined;
    const pen = input._curAttrData;
    let drawing: Attributes | null = null;
    const spoken = input._optionsService.rawOptions.screenReaderMode === true;
    const link = input._getCurrentLinkId();
    const linkRow = (): void => {
      if (link) input._oscLinkService.addLineToLink(link, buffer.ybase + buffer.y);
    };
    let state = input._parser.precedingJoinState;
    /** No cell was taken yet right before the next one; the last character has taken one. */
    let first = true;
    let took = false;
    /** The cursor stays in the last column. */
    let stuck = false;
    let line = lineAtCursor();
    input._dirtyRowTracker.markDirty(buffer.y);
    linkRow();
    for (let at = start; at < end; at++) {
      if (bounded && printing.repeats !== null && printing.repeats-- <= 0) break;
      let code = data[at] ?? 0;
      // A line that is drawn is the letter that stands for it.
      const properties = code < 0x80 && !(state & JOINER) ? ASCII : unicode.charProperties(code, state);
      const drawn = code < 127 && charset ? charset[String.fromCharCode(code)]?.charCodeAt(0) : undefined;
      if (drawn !== undefined) {
        code = drawn;
        drawing ??= Object.assign(pen.clone(), { bg: pen.bg | DRAWN });
      }
      const joins = (properties & 1) !== 0;
      const width = (properties >> 1) & 3;
      if (spoken) input._onA11yChar.fire(String.fromCodePoint(code));
      if (joins || width === 0) {
        // In the first column there is nothing to join. A joiner takes the next character along.
        if (buffer.x === 0) {
          state = code === ZERO_WIDTH_JOINER && owner.joiner === true ? properties | JOINER_BEFORE : 0;
          continue;
        }
        if (took && !insertMode) eraseSecondHalf(line, buffer.x);
        took = false;
        // A line that is drawn joins as its letter. What comes next may stand on half of what the cell has grown over.
        if (join(line, data[at] ?? 0, joins ? width - ((state >> 1) & 3) : 0)) first = true;
        // The older rule has to know of a joiner; with the newer one what comes next looks at the cell, which may have grown.
        state = owner.joiner === true ? properties : 0;
        continue;
      }
      // What is left out, or not right before the cursor, is not what the next character may join.
      state = owner.joiner === true ? properties : 0;
      if (!wraparound && width > 1 && (width > cols || (buffer.x !== cols && buffer.x > cols - width))) continue;
      if (insertMode) insertCells(core, line, buffer.x, width, plain);
      if (wraparound && buffer.x > cols - width) {
        if (took && !insertMode) eraseSecondHalf(line, buffer.x);
        wrap();
        line = lineAtCursor();
        input._dirtyRowTracker.markDirty(buffer.y);
        linkRow();
      }
      if (buffer.x > cols - width) continue;
      if (insertMode || first || stuck) {
        eraseFirstHalf(line, buffer.x, !insertMode && first && wraparound && !charset && code < 0x7f);
      }
      first = false;
      took = true;
      const { x } = buffer;
      const tookHalf = insertMode && (width > 1 || line.getWidth(x) !== 1);
      line.setCellFromCodepoint(x, code, width, drawn !== undefined && drawing ? drawing : pen);
      if (width > 1) line.setCellFromCodepoint(x + 1, 0, 0, pen);
      if (wraparound || x <= cols - 1 - width) {
        buffer.x = x + width;
        state = properties;
        if (tookHalf) eraseSecondHalf(line, buffer.x);
      } else {
        buffer.x = cols - 1;
        printing.filled = true;
        stuck = true;
      }
    }
    if (took && !insertMode && !stuck) eraseSecondHalf(line, buffer.x);
    input._parser.precedingJoinState = state;
    input._dirtyRowTracker.markDirty(buffer.y);
  };
  return printing;
}
