// The two screens and the cursors that are saved, as the owners of terminals have them: margins and tab stops are the same on
// both screens, and a cursor is saved with its pen, character sets and origin, at its place on the screen. xterm.js has margins
// and tab stops for each screen, and saves the row of the history.

import type { Terminal } from "@xterm/xterm";
import { coreOf, one, plainAttributes, type Attributes, type Buffer, type Params } from "./internals";
import type { Owner } from "./owner-rules";

const ALTERNATE_SCREENS = [47, 1047, 1049];
/** The one of them that saves the cursor. */
const WITH_CURSOR = 1049;

interface SavedCursor {
  readonly x: number;
  readonly y: number;
  readonly pen: Attributes;
  readonly charsets: unknown[];
  readonly level: number;
  readonly origin: boolean;
}

export function switchScreensAsOwners(terminal: Pick<Terminal, "parser">, owner: Owner): void {
  const core = coreOf(terminal);
  const { _inputHandler: input, _bufferService: service, _charsetService: sets } = core;
  // A reset makes new buffers and so forgets what was saved.
  const saved = new WeakMap<Buffer, SavedCursor>();
  /** What tmux keeps when it enters the alternate screen, apart from what the program saves. */
  const left = new WeakMap<Buffer, SavedCursor>();
  /** tmux has one place for both screens. */
  const place = (): Buffer => (owner.tmux ? service.buffers.normal : service.buffer);

  const cursor = (): SavedCursor => ({
    x: service.buffer.x,
    y: service.buffer.y,
    pen: input._curAttrData.clone(),
    charsets: [...sets._charsets],
    level: sets.glevel,
    origin: core.coreService.decPrivateModes.origin,
  });

  const put = ({ x, y, pen }: SavedCursor): void => {
    Object.assign(service.buffer, { x, y });
    input._restrictCursor();
    input._curAttrData = pen.clone();
  };

  input.saveCursor = () => {
    saved.set(place(), cursor());
    return true;
  };

  input.restoreCursor = () => {
    const was = saved.get(place()) ?? { x: 0, y: 0, pen: plainAttributes(core), charsets: [], level: 0, origin: false };
    put(was);
    sets._charsets = [...was.charsets];
    sets.glevel = was.level;
    sets.charset = was.charsets[was.level];
    core.coreService.decPrivateModes.origin = was.origin;
    return true;
  };

  /** Shows the other screen; the cursor stays where it is. */
  const switchScreens = (act: (params: Params) => boolean): void => {
    const { scrollTop, scrollBottom, tabs } = service.buffer;
    act.call(input, one(47));
    Object.assign(service.buffer, { scrollTop, scrollBottom, tabs });
  };

  const enter = (mode: number): void => {
    const { active, normal, alt } = service.buffers;
    if (active === alt) return;
    if (mode === WITH_CURSOR) (owner.tmux ? left : saved).set(normal, cursor());
    saved.delete(alt);
    const pen = input._curAttrData;
    // tmux does not paint it with the background.
    if (owner.tmux) input._curAttrData = plainAttributes(core);
    switchScreens(input.setModePrivate);
    input._curAttrData = pen;
  };

  const leave = (mode: number): void => {
    const { active, normal, alt } = service.buffers;
    if (active === alt) switchScreens(input.resetModePrivate);
    else if (!owner.tmux) return;
    if (owner.tmux) service.buffer.x = Math.min(service.buffer.x, service.cols - 1);
    if (mode !== WITH_CURSOR) return;
    // A program that ends often leaves the alternate screen to be sure. tmux then moves the cursor to where it was when the
    // program entered it, however long ago that is.
    const was = left.get(normal);
    if (!owner.tmux) input.restoreCursor();
    else if (was) put(was);
  };

  const handlerOf = (act: (mode: number) => void, other: (params: Params) => boolean) => (params: (number | number[])[]): boolean => {
    if (!params.some((mode) => ALTERNATE_SCREENS.includes(Number(mode)))) return false;
    for (const mode of params.map(Number)) {
      if (ALTERNATE_SCREENS.includes(mode)) act(mode);
      else other.call(input, one(mode));
    }
    return true;
  };
  terminal.parser.registerCsiHandler({ prefix: "?", final: "h" }, handlerOf(enter, input.setModePrivate));
  terminal.parser.registerCsiHandler({ prefix: "?", final: "l" }, handlerOf(leave, input.resetModePrivate));
}
