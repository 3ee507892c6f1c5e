// Edits the screen where xterm.js does it in a way of its own, as the owners of terminals do.
//
// Only the emulator knows where the cursor and the margins are, so the owner's bytes cannot say it in another way. What is
// reached into here is internal to xterm.js; the differential fuzz and tests notice when it changes.

import type { IDisposable, Terminal } from "@xterm/xterm";

interface Attributes {
  readonly fg: number;
}

interface Line {
  readonly length: number;
}

interface Internals {
  readonly _bufferService: {
    readonly rows: number;
    readonly cols: number;
    readonly buffer: {
      x: number;
      readonly y: number;
      readonly ybase: number;
      readonly scrollTop: number;
      readonly scrollBottom: number;
      readonly lines: { readonly length: number; splice(start: number, count: number, ...lines: Line[]): void };
      getBlankLine(attributes: Attributes): Line;
    };
    scroll(attributes: Attributes): void;
  };
  readonly _inputHandler: {
    _eraseAttrData(): Attributes;
    _resetBufferLine(row: number, respectProtect: boolean): void;
    insertLines(params: { params: number[]; length: number }): boolean;
    deleteLines(params: { params: number[]; length: number }): boolean;
  };
}

type Params = readonly (number | number[])[];

const count = (params: Params): number => (typeof params[0] === "number" && params[0] > 0 ? params[0] : 1);

/**
 * Scrolling up keeps rows that leave the top of the screen, scrolling down paints with the background, inserting and deleting
 * lines leaves the column alone, and erasing up to the last cell of the screen does not fail.
 */
export function editAsOwners(terminal: Pick<Terminal, "parser">): IDisposable {
  const { parser } = terminal;
  const core = (): Internals => (terminal as unknown as { _core: Internals })._core;

  const scrollUp = (params: Params): boolean => {
    const { _bufferService: service, _inputHandler: input } = core();
    const { scrollTop, scrollBottom } = service.buffer;
    const rows = Math.min(count(params), scrollBottom - scrollTop + 1);
    for (let row = 0; row < rows; row++) service.scroll(input._eraseAttrData());
    return true;
  };

  const scrollDown = (params: Params): boolean => {
    const { _bufferService: service, _inputHandler: input } = core();
    const { lines, ybase, scrollTop, scrollBottom } = service.buffer;
    const rows = Math.min(count(params), scrollBottom - scrollTop + 1);
    for (let row = 0; row < rows; row++) {
      lines.splice(ybase + scrollBottom, 1);
      lines.splice(ybase + scrollTop, 0, service.buffer.getBlankLine(input._eraseAttrData()));
    }
    return true;
  };

  const inColumn = (edit: "insertLines" | "deleteLines") => (params: Params): boolean => {
    const { _bufferService: service, _inputHandler: input } = core();
    const column = Math.min(service.buffer.x, service.cols - 1);
    input[edit]({ params: [Math.min(count(params), service.rows)], length: 1 });
    service.buffer.x = column;
    return true;
  };

  /** xterm.js looks for the row behind the last one. */
  const eraseAbove = (params: Params): boolean => {
    const { _bufferService: service, _inputHandler: input } = core();
    const { x, y, lines } = service.buffer;
    if (params[0] !== 1 || x + 1 < service.cols || y + 1 < lines.length) return false;
    for (let row = 0; row <= y; row++) input._resetBufferLine(row, false);
    return true;
  };

  const handlers = [
    parser.registerCsiHandler({ final: "S" }, scrollUp),
    parser.registerCsiHandler({ final: "T" }, scrollDown),
    parser.registerCsiHandler({ final: "L" }, inColumn("insertLines")),
    parser.registerCsiHandler({ final: "M" }, inColumn("deleteLines")),
    parser.registerCsiHandler({ final: "J" }, eraseAbove),
    parser.registerCsiHandler({ prefix: "?", final: "J" }, eraseAbove),
  ];
  return { dispose: () => handlers.forEach((handler) => handler.dispose()) };
}
