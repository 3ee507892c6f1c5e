// Where xterm moves the cursor, scrolls or resets otherwise than the owner of the terminal. xterm's interface has no place for
// that, so this reaches into its parts; the differential tests and owner-rules.test.ts fail if those are others one day.

import type { Terminal } from "@xterm/xterm";

interface Line {
  isWrapped: boolean;
  clone(): Line;
}

interface Lines {
  readonly isFull: boolean;
  readonly length: number;
  get(index: number): Line | undefined;
  splice(start: number, deleteCount: number, ...items: Line[]): void;
}

interface Buffer {
  x: number;
  y: number;
  ybase: number;
  ydisp: number;
  scrollTop: number;
  scrollBottom: number;
  readonly hasScrollback: boolean;
  readonly lines: Lines;
}

interface Params {
  readonly params: number[];
  readonly length: number;
}

interface Core {
  readonly _bufferService: {
    readonly cols: number;
    readonly rows: number;
    readonly isUserScrolling: boolean;
    readonly buffer: Buffer;
    scroll(eraseAttributes: unknown, isWrapped?: boolean): void;
  };
  readonly _inputHandler: {
    parse(data: unknown, promiseResult?: boolean): unknown;
    readonly _parser: { reset(): void; setExecuteHandler(control: string, handler: () => boolean): void };
    readonly _dirtyRowTracker: { markRangeDirty(top: number, bottom: number): void };
    _eraseAttrData(): unknown;
    insertLines(params: Params): boolean;
    deleteLines(params: Params): boolean;
    eraseInDisplay(params: Params): boolean;
    eraseInLine(params: Params): boolean;
    lineFeed(): boolean;
    fullReset(): boolean;
  };
}

/** Who owns the terminal. */
export interface Owner {
  tmux: boolean;
}

const one = (number: number): Params => ({ params: [number], length: 1 });

/** To be called before other handlers of `ESC c`, which xterm asks first then. */
export function followOwnersRules(terminal: Pick<Terminal, "parser">, owner: Owner): void {
  const core = (terminal as unknown as { _core: Core })._core;
  const { parser } = terminal;
  const service = core._bufferService;
  const input = core._inputHandler;
  /** How often a sequence acts on lines: no more often than there are lines. */
  const times = (params: (number | number[])[]): number => Math.min(Number(params[0]) || 1, service.rows);

  /** As if there was no scrolling region. */
  const unbounded = (act: () => void): void => {
    const { buffer } = service;
    const { scrollTop, scrollBottom } = buffer;
    buffer.scrollTop = 0;
    buffer.scrollBottom = service.rows - 1;
    act();
    buffer.scrollTop = scrollTop;
    buffer.scrollBottom = scrollBottom;
  };

  neverStop(core);
  keepRegionsInHistory(core, owner);

  // The owners leave the cursor in its column.
  const keepingColumn = (act: (params: Params) => boolean) => (params: (number | number[])[]): boolean => {
    const { buffer } = service;
    const { x, y, scrollTop, scrollBottom } = buffer;
    // tmux moves lines outside of the scrolling region too.
    if (owner.tmux && (y < scrollTop || y > scrollBottom)) unbounded(() => act.call(input, one(times(params))));
    else act.call(input, one(times(params)));
    buffer.x = x;
    return true;
  };
  parser.registerCsiHandler({ final: "L" }, keepingColumn(input.insertLines));
  parser.registerCsiHandler({ final: "M" }, keepingColumn(input.deleteLines));

  parser.registerCsiHandler({ final: "J" }, (params) => {
    const { buffer, cols } = service;
    if (params[0] === 2) {
      // Erasing the whole screen scrolls it away, but xterm would scroll the region only.
      unbounded(() => input.eraseInDisplay(one(2)));
      return true;
    }
    // xterm fails when the cursor is in the last column of the last row.
    if (params[0] !== 1 || buffer.x < cols - 1) return false;
    const { x } = buffer;
    input.eraseInLine(one(2));
    const next = buffer.lines.get(buffer.ybase + buffer.y + 1);
    if (next) next.isWrapped = false;
    if (buffer.y > 0) {
      buffer.y -= 1;
      buffer.x = 0;
      input.eraseInLine(one(2));
      if (cols > 1) input.eraseInDisplay(one(1));
      buffer.y += 1;
    }
    buffer.x = x;
    return true;
  });

  // Lines that are scrolled out go to the history.
  parser.registerCsiHandler({ final: "S" }, (params) => {
    const { buffer } = service;
    const count = Math.min(times(params), buffer.scrollBottom - buffer.scrollTop + 1);
    for (let at = 0; at < count; at++) service.scroll(input._eraseAttrData());
    input._dirtyRowTracker.markRangeDirty(buffer.scrollTop, buffer.scrollBottom);
    return true;
  });

  // tmux goes back from where a line is full, too.
  parser.registerCsiHandler({ final: "Z" }, () => {
    if (owner.tmux) service.buffer.x = Math.min(service.buffer.x, service.cols - 1);
    return false;
  });

  // To tmux a line that is full stays so in the next row.
  for (const control of "\n\v\f") {
    input._parser.setExecuteHandler(control, () => {
      const { x } = service.buffer;
      input.lineFeed();
      if (owner.tmux && x >= service.cols) service.buffer.x = x;
      return true;
    });
  }

  // tmux moves what is on the screen to the history, and keeps that.
  parser.registerEscHandler({ final: "c" }, () => {
    const before = service.buffer;
    if (!owner.tmux || !before.hasScrollback) return false;
    unbounded(() => input.eraseInDisplay(one(2)));
    const history: Line[] = [];
    for (let at = 0; at < before.ybase; at++) {
      const line = before.lines.get(at);
      if (line) history.push(line);
    }
    input.fullReset();
    const { buffer } = service;
    buffer.lines.splice(0, 0, ...history);
    buffer.ybase = buffer.lines.length - service.rows;
    buffer.ydisp = buffer.ybase;
    return true;
  });
}

/** tmux keeps lines that leave a scrolling region wherever that begins. */
function keepRegionsInHistory({ _bufferService: service }: Core, owner: Owner): void {
  const scroll = service.scroll.bind(service);
  service.scroll = (eraseAttributes, isWrapped) => {
    const { buffer } = service;
    const line = buffer.scrollTop > 0 && owner.tmux && buffer.hasScrollback
      ? buffer.lines.get(buffer.ybase + buffer.scrollTop) : undefined;
    if (line) {
      const { isFull } = buffer.lines;
      buffer.lines.splice(buffer.ybase, 0, line.clone());
      if (!isFull) buffer.ybase += 1;
      else if (service.isUserScrolling) buffer.ydisp = Math.max(buffer.ydisp - 1, 0);
    }
    scroll(eraseAttributes, isWrapped);
  };
}

/** An error while output is parsed is thrown out of a timer, and xterm would never go on. What was being parsed is lost. */
function neverStop({ _inputHandler: input }: Core): void {
  const parse = input.parse.bind(input);
  input.parse = (data, promiseResult) => {
    try {
      return parse(data, promiseResult);
    } catch (error) {
      console.error("The terminal's output could not be shown:", error);
      input._parser.reset();
      return undefined;
    }
  };
}
