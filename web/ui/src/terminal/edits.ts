// Edits the screen where xterm.js does it in a way of its own, as the owners of terminals do.
//
// Only the emulator knows where the cursor and the margins are, so the owner's bytes cannot say it in another way.

import type { Terminal } from "@xterm/xterm";
import { coreOf, emptyCell, one, plainAttributes, withoutMargins, type Line } from "./internals";
import type { Owner } from "./owner-rules";

type Params = readonly (number | number[])[];

/**
 * Scrolling up keeps rows that leave the top of the screen, scrolling down paints with the background, erasing the screen
 * keeps and paints all of it, erasing up to the last cell of the screen does not fail, aligning uses neither colours nor
 * margins, and relative movement stays in its row or column.
 */
export function editAsOwners(terminal: Pick<Terminal, "parser">, owner: Owner): void {
  const { parser } = terminal;
  const core = coreOf(terminal);
  const { _inputHandler: input, _bufferService: service } = core;

  /** How often a sequence acts on lines: no more often than there are lines between the margins. */
  const times = (params: Params): number => {
    const { scrollTop, scrollBottom } = service.buffer;
    return Math.min(Number(params[0]) || 1, scrollBottom - scrollTop + 1);
  };

  // Lines that are scrolled out go to the history.
  parser.registerCsiHandler({ final: "S" }, (params) => {
    const { scrollTop, scrollBottom } = service.buffer;
    for (let rows = times(params); rows > 0; rows--) service.scroll(input._eraseAttrData());
    input._dirtyRowTracker.markRangeDirty(scrollTop, scrollBottom);
    return true;
  });

  parser.registerCsiHandler({ final: "T" }, (params) => {
    const { lines, ybase, scrollTop, scrollBottom } = service.buffer;
    for (let rows = times(params); rows > 0; rows--) {
      lines.splice(ybase + scrollBottom, 1);
      lines.splice(ybase + scrollTop, 0, service.buffer.getBlankLine(input._eraseAttrData()));
    }
    input._dirtyRowTracker.markRangeDirty(scrollTop, scrollBottom);
    return true;
  });

  /** Whether anything is seen of a row, background included. */
  const isSeen = (line: Line): boolean => {
    const cell = emptyCell(core);
    for (let column = 0; column < line.length; column++) {
      line.loadCell(column, cell);
      if ((cell.getChars() || " ") !== " " || !cell.isBgDefault() || cell.isInverse() || cell.isUnderline() || cell.isStrikethrough()) {
        return true;
      }
    }
    return false;
  };
  const isUsed = (line: Line): boolean => (owner.tmux ? line.getTrimmedLength() > 0 : isSeen(line));

  /** Rows up to the last one that is used go to the history, whatever the margins are. */
  const eraseScreen = (): void => {
    const { buffer, rows } = service;
    let used = buffer.hasScrollback && !owner.erasesInPlace ? rows : 0;
    while (used > 0) {
      const line = buffer.lines.get(buffer.ybase + used - 1);
      if (line && isUsed(line)) break;
      used--;
    }
    withoutMargins(core, () => {
      for (; used > 0; used--) service.scroll(input._eraseAttrData());
    });
    for (let row = 0; row < rows; row++) input._resetBufferLine(row);
    input._dirtyRowTracker.markRangeDirty(0, rows - 1);
  };

  /** xterm fails when the cursor is in the last column of the last row: it looks for the row behind that. */
  const eraseAbove = (): void => {
    const { x, y } = service.buffer;
    for (let row = 0; row < y; row++) input._resetBufferLine(row);
    input.eraseInLine(one(2));
    const { buffer } = service;
    const next = buffer.lines.get(buffer.ybase + y + 1);
    if (next) next.isWrapped = false;
    buffer.x = x;
    input._dirtyRowTracker.markRangeDirty(0, y);
  };

  const erase = (params: Params): boolean => {
    const { buffer, cols } = service;
    // To tmux, erasing from the first cell on is erasing everything.
    const all = params[0] === 2 || (owner.tmux && !params[0] && buffer.x === 0 && buffer.y === 0);
    if (all) eraseScreen();
    else if (params[0] === 1 && buffer.x >= cols - 1) eraseAbove();
    else return false;
    return true;
  };
  parser.registerCsiHandler({ final: "J" }, erase);
  parser.registerCsiHandler({ prefix: "?", final: "J" }, erase);

  // With addresses relative to the margins, xterm adds the top margin also to a row that has it already, and moves a cursor
  // that is outside of the margins by whatever acts there.
  input._restrictCursor = (lastColumn = service.cols - 1) => {
    const { buffer } = service;
    buffer.x = Math.max(0, Math.min(buffer.x, lastColumn));
    buffer.y = Math.max(0, Math.min(buffer.y, service.rows - 1));
    input._dirtyRowTracker.markDirty(buffer.y);
  };
  const place = (column: number, row: number): void => {
    input._dirtyRowTracker.markDirty(service.buffer.y);
    Object.assign(service.buffer, { x: column, y: row });
    input._restrictCursor();
  };
  input._setCursor = (column, row) => {
    const { scrollTop, scrollBottom } = service.buffer;
    place(column, core.coreService.decPrivateModes.origin ? Math.min(scrollTop + row, scrollBottom) : row);
  };
  input._moveCursor = (columns, rows) => {
    input._restrictCursor();
    place(service.buffer.x + columns, service.buffer.y + rows);
  };
  const toColumn = (params: Params): boolean => {
    place((Number(params[0]) || 1) - 1, service.buffer.y);
    return true;
  };
  parser.registerCsiHandler({ final: "G" }, toColumn);
  parser.registerCsiHandler({ final: "`" }, toColumn);

  const align = input.screenAlignmentPattern.bind(input);
  input.screenAlignmentPattern = () => {
    const pen = input._curAttrData;
    input._curAttrData = plainAttributes(core);
    Object.assign(service.buffer, { scrollTop: 0, scrollBottom: service.rows - 1 });
    align();
    input._curAttrData = pen;
    return true;
  };

  // xterm leaves the second half of a wide character behind. To tmux it takes no place there either.
  const insertChars = input.insertChars.bind(input);
  input.insertChars = (params) => {
    insertChars(params);
    const { buffer, cols } = service;
    const line = buffer.lines.get(buffer.ybase + buffer.y);
    const column = buffer.x + (params.params[0] || 1);
    if (owner.tmux || !line || column >= cols || line.getWidth(column) > 0 || line.hasContent(column)) return true;
    line.setCell(column, buffer.getNullCell(input._eraseAttrData()));
    return true;
  };
}
