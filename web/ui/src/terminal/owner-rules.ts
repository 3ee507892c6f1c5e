// Where xterm moves the cursor, scrolls or resets otherwise than the owner of the terminal. xterm's interface has no place for
// that, so this reaches into its parts; the differential tests and owner-rules.test.ts fail if those are others one day.

import type { Terminal } from "@xterm/xterm";
import { coreOf, one, withoutMargins, type Core, type Line, type Params } from "./internals";

/** Who owns the terminal. */
export interface Owner {
  tmux: boolean;
  /** A zero width joiner takes the next character along even where there is nothing to join (tmux before 3.4). */
  joiner?: boolean;
  /** What is erased does not go to the history (the option `scroll-on-clear` of a tmux is off). */
  erasesInPlace?: boolean;
}

/** To be called before other handlers of `ESC c`, which xterm asks first then. */
export function followOwnersRules(terminal: Pick<Terminal, "parser">, owner: Owner): void {
  const core = coreOf(terminal);
  const { parser } = terminal;
  const service = core._bufferService;
  const input = core._inputHandler;
  /** How often a sequence acts on lines: no more often than there are lines. */
  const times = (params: (number | number[])[]): number => Math.min(Number(params[0]) || 1, service.rows);

  neverStop(core);
  keepRegionsInHistory(core, owner);

  // The owners leave the cursor in its column; to tmux a line that is full stays so.
  const keepingColumn = (act: (params: Params) => boolean) => (params: (number | number[])[]): boolean => {
    const { buffer } = service;
    const { x, y, scrollTop, scrollBottom } = buffer;
    // tmux moves lines outside of the scrolling region too.
    if (owner.tmux && (y < scrollTop || y > scrollBottom)) withoutMargins(core, () => act.call(input, one(times(params))));
    else act.call(input, one(times(params)));
    buffer.x = owner.tmux ? x : Math.min(x, service.cols - 1);
    return true;
  };
  parser.registerCsiHandler({ final: "L" }, keepingColumn(input.insertLines));
  parser.registerCsiHandler({ final: "M" }, keepingColumn(input.deleteLines));

  // tmux goes back from where a line is full, too.
  parser.registerCsiHandler({ final: "Z" }, () => {
    if (owner.tmux) service.buffer.x = Math.min(service.buffer.x, service.cols - 1);
    return false;
  });

  // To tmux a line that is full stays so in the next row, and what the next row continues stays so, too.
  for (const control of "\n\v\f") {
    input._parser.setExecuteHandler(control, () => {
      const { x, y, ybase, lines, scrollBottom } = service.buffer;
      const next = y === scrollBottom ? undefined : lines.get(ybase + y + 1);
      const wrapped = next?.isWrapped === true;
      input.lineFeed();
      if (!owner.tmux) return true;
      if (x >= service.cols) service.buffer.x = x;
      if (next !== undefined) next.isWrapped = wrapped;
      return true;
    });
  }

  // tmux moves what is on the screen to the history, and keeps that.
  parser.registerEscHandler({ final: "c" }, () => {
    const before = service.buffer;
    if (!owner.tmux || !before.hasScrollback) return false;
    if (!owner.erasesInPlace) withoutMargins(core, () => input.eraseInDisplay(one(2)));
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
