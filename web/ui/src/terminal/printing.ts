// Prints characters where xterm.js does it in a way of its own, as the owners of terminals do: a character without width has
// nothing to join in the first column and joins a space elsewhere, and a wide one that does not fit is left out.

import type { Terminal } from "@xterm/xterm";
import { coreOf, emptyCell, SPACE } from "./internals";

const BLANK = 0x20;
const UNDERSCORE = 0x5f;
/** No character before this one is without width. */
const FIRST_WITHOUT_WIDTH = 0xad;

export function printAsOwners(terminal: Pick<Terminal, "parser">): void {
  const core = coreOf(terminal);
  const { _inputHandler: input, _bufferService: service, _charsetService: sets, unicodeService: unicode } = core;
  const print = input.print.bind(input);

  /** Cells that were never printed to hold nothing that could be joined. */
  const fillCellBefore = (): void => {
    const { buffer } = service;
    const line = buffer.lines.get(buffer.ybase + buffer.y);
    const column = buffer.x - 1;
    if (!line || line.hasContent(column) || line.getWidth(column) !== 1) return;
    const cell = line.loadCell(column, emptyCell(core));
    cell.content = SPACE;
    line.setCell(column, cell);
  };

  /** In the middle of a wide character the cursor is behind what can be joined; xterm.js would take that away first. */
  const joinWideCell = (data: Uint32Array, start: number, end: number): number => {
    const { buffer } = service;
    const line = buffer.lines.get(buffer.ybase + buffer.y);
    const column = buffer.x - 1;
    let from = start;
    if (line?.getWidth(column) !== 2) return from;
    for (; from < end && unicode.wcwidth(data[from] ?? 0) === 0; from++) {
      line.addCodepointToCell(column, data[from] ?? 0, 0);
    }
    return from;
  };

  const printWithoutWrapping = (data: Uint32Array, start: number, end: number): void => {
    const { buffer, cols } = service;
    for (let at = start; at < end; at++) {
      const code = data[at] ?? 0;
      const joins = (unicode.charProperties(code, input._parser.precedingJoinState) & 1) !== 0;
      const width = joins ? 0 : unicode.wcwidth(code);
      if (width === 0) {
        if (buffer.x === 0) continue;
        fillCellBefore();
      }
      if (width === 2 && buffer.x + 2 > cols) continue;
      if (width > 0) buffer.x = Math.min(buffer.x, cols - 1);
      print(data, at, at + 1);
    }
  };

  /** DEC's line drawing has a blank in the place of the underscore. */
  const blankUnderscores = (data: Uint32Array, start: number, end: number): void => {
    const charset = sets.charset as Record<string, string> | undefined;
    if (charset?.["q"] !== "─") return;
    for (let at = start; at < end; at++) if (data[at] === UNDERSCORE) data[at] = BLANK;
  };

  input.print = (data, start, end) => {
    blankUnderscores(data, start, end);
    let from = start;
    const first = data[from] ?? 0;
    if (first >= FIRST_WITHOUT_WIDTH && unicode.wcwidth(first) === 0) {
      if (service.buffer.x > 0) {
        fillCellBefore();
        from = joinWideCell(data, from, end);
      } else while (from < end && unicode.wcwidth(data[from] ?? 0) === 0) from++;
    }
    if (from === end) return;
    if (core.coreService.decPrivateModes.wraparound) print(data, from, end);
    else printWithoutWrapping(data, from, end);
  };
}
