// Moves the cursor, edits lines and keeps the history as tmux does, where xterm.js and terminals of our own do otherwise. In
// tmux a cursor behind the last column is a place like others: most sequences leave it there or count from it. The facts are
// from `screen-write.c` and `input.c` in tmux's source.

import type { Terminal } from "@xterm/xterm";
import { coreOf, emptyCell, type Core, type Line } from "./internals";
import type { Owner } from "./owner-rules";
import { insertCells, type Printing } from "./tmux-printing";

interface EditingCore extends Core {
  readonly _inputHandler: Core["_inputHandler"] & { index(): boolean; reverseIndex(): boolean };
}

type Params = readonly (number | number[])[];

const number = (params: Params, at = 0): number => Number(params[at]) || 1;

/** To be called after other handlers, which xterm asks only if these leave a sequence alone. */
export function editAsTmux(terminal: Pick<Terminal, "parser">, owner: Owner, printing: Printing): void {
  const core = coreOf(terminal) as EditingCore;
  const { parser } = terminal;
  const { _bufferService: service, _inputHandler: input } = core;

  /** `act` says whether the sequence is done with. */
  const csi = (finals: string, act: (params: Params) => boolean | void): void => {
    for (const final of finals) {
      parser.registerCsiHandler({ final }, (params) => owner.tmux && act(params) !== false);
    }
  };

  const up = (rows: number): void => {
    const { buffer, cols } = service;
    buffer.y -= Math.min(rows, buffer.y < buffer.scrollTop ? buffer.y : buffer.y - buffer.scrollTop);
    buffer.x = Math.min(buffer.x, cols - 1);
  };
  const down = (rows: number): void => {
    const { buffer, cols } = service;
    const last = buffer.y > buffer.scrollBottom ? service.rows - 1 : buffer.scrollBottom;
    buffer.y += Math.min(rows, last - buffer.y);
    buffer.x = Math.min(buffer.x, cols - 1);
  };
  const toColumn = (column: number): void => {
    service.buffer.x = Math.min(column, service.cols) - 1;
  };
  const toRow = (row: number): void => {
    const { buffer, rows } = service;
    const { scrollTop, scrollBottom } = buffer;
    const relative = core.coreService.decPrivateModes.origin;
    const y = !relative ? row - 1 : row - 1 > scrollBottom - scrollTop ? scrollBottom : row - 1 + scrollTop;
    buffer.y = Math.min(y, rows - 1);
  };

  csi("A", (params) => up(number(params)));
  csi("B", (params) => down(number(params)));
  csi("C", (params) => toColumn(Math.min(service.buffer.x + 1 + number(params), service.cols)));
  csi("D", (params) => {
    service.buffer.x -= Math.min(number(params), service.buffer.x);
  });
  csi("E", (params) => {
    service.buffer.x = 0;
    down(number(params));
  });
  csi("F", (params) => {
    service.buffer.x = 0;
    up(number(params));
  });
  csi("G`", (params) => toColumn(number(params)));
  csi("d", (params) => toRow(number(params)));
  csi("Hf", (params) => {
    toRow(number(params));
    toColumn(number(params, 1));
  });
  csi("r", (params) => {
    const { buffer, rows } = service;
    const top = Math.min(number(params), rows) - 1;
    const bottom = Math.min(Number(params[1]) || rows, rows) - 1;
    if (top < bottom) Object.assign(buffer, { scrollTop: top, scrollBottom: bottom, x: 0, y: 0 });
  });

  input._parser.setExecuteHandler("\b", () => {
    const { buffer, cols } = service;
    if (!owner.tmux) buffer.x = Math.max(Math.min(buffer.x, cols - 1) - 1, 0);
    else if (buffer.x > 0) buffer.x -= 1;
    else if (buffer.y > 0 && buffer.lines.get(buffer.ybase + buffer.y)?.isWrapped) {
      buffer.y -= 1;
      buffer.x = cols - 1;
    }
    return true;
  });

  // Cells are erased and moved one by one, also halves of wide characters. Behind the last column there are none.
  const clear = (row: number, from: number, to: number): void => {
    const { buffer } = service;
    const line = buffer.lines.get(buffer.ybase + row);
    const fill = buffer.getNullCell(input._eraseAttrData());
    for (let column = from; line && column < to; column++) line.setCell(column, fill);
    // A row that is erased as a whole neither continues the one before it nor runs on; one that is erased in part still does.
    if (from === 0 && to === service.cols) {
      for (const at of [row, row + 1]) {
        const wrapped = buffer.lines.get(buffer.ybase + at);
        if (wrapped) wrapped.isWrapped = false;
      }
    }
    input._dirtyRowTracker.markRangeDirty(row, row);
  };
  // Outside of the margins lines move down to the end of the screen. As with cells, where more are inserted than are left to
  // move, some stay.
  csi("L", (params) => {
    const { buffer, rows } = service;
    const { y, ybase, lines, scrollTop, scrollBottom } = buffer;
    if (y >= scrollTop && y <= scrollBottom) return false;
    const moved = rows - y - number(params);
    if (moved <= 0) return true;
    const before = Array.from({ length: rows - y }, (_, at) => lines.get(ybase + y + at) as Line);
    const erased = Math.min(moved, number(params));
    const blank = Array.from({ length: erased }, () => buffer.getBlankLine(input._eraseAttrData()));
    lines.splice(ybase + y, rows - y, ...blank, ...before.slice(erased, number(params)), ...before.slice(0, moved));
    input._dirtyRowTracker.markRangeDirty(y, rows - 1);
    return true;
  });
  csi("K", (params) => {
    const { buffer: { x, y }, cols } = service;
    const what = Number(params[0]) || 0;
    if (what <= 2) clear(y, what === 0 ? x : 0, what === 1 ? Math.min(x + 1, cols) : cols);
  });
  csi("X", (params) => {
    const { buffer: { x, y }, cols } = service;
    clear(y, x, Math.min(x + number(params), cols));
  });
  csi("P", (params) => {
    const { buffer: { x, y, ybase, lines }, cols } = service;
    const line = lines.get(ybase + y);
    const count = Math.min(number(params), cols - x);
    if (!line || count <= 0) return;
    const cell = emptyCell(core);
    for (let column = x; column < cols - count; column++) line.setCell(column, line.loadCell(column + count, cell));
    clear(y, Math.max(cols - count, 1), cols);
    if (cols === count) clear(y, 0, cols);
  });
  csi("@", (params) => {
    const { buffer, cols } = service;
    const line = buffer.lines.get(buffer.ybase + buffer.y);
    if (line) insertCells(core, line, buffer.x, Math.min(number(params), cols - buffer.x), input._eraseAttrData());
    input._dirtyRowTracker.markRangeDirty(buffer.y, buffer.y);
  });

  for (const [final, act] of [["D", input.index], ["M", input.reverseIndex]] as const) {
    parser.registerEscHandler({ final }, () => {
      const { x } = service.buffer;
      act.call(input);
      if (owner.tmux) service.buffer.x = x;
      return true;
    });
  }

  csi("J", (params) => {
    const { buffer, buffers: { active, normal }, cols, rows } = service;
    const { x, y } = buffer;
    const what = Number(params[0]) || 0;
    if (what === 0 && (x > 0 || y > 0)) {
      clear(y, x, cols);
      for (let row = y + 1; row < rows; row++) clear(row, 0, cols);
      return true;
    }
    if (what === 1) {
      for (let row = 0; row < y; row++) clear(row, 0, cols);
      clear(y, 0, Math.min(x + 1, cols));
      return true;
    }
    // Erasing the history does so behind the alternate screen too.
    if (what !== 3 || active === normal) return false;
    normal.lines.splice(0, normal.ybase);
    normal.ybase = normal.ydisp = 0;
    return true;
  });

  // How the node writes that a character is repeated up to the end of the line: the line is full then.
  for (const [final, wraparound] of [["l", false], ["h", true]] as const) {
    parser.registerCsiHandler({ prefix: "?", final }, (params) => {
      if (!owner.tmux || params.length !== 2 || params[0] !== 7 || params[1] !== 7) return false;
      if (wraparound && printing.filled) service.buffer.x = service.cols;
      printing.filled = false;
      printing.repeats = wraparound ? null : service.cols - service.buffer.x;
      return false;
    });
  }
}
