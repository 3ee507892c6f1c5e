// Leaves the alternate screen only when it is shown, as the owners of terminals do: xterm restores a cursor even outside of it.

import type { IDisposable, Terminal } from "@xterm/xterm";

const ALTERNATE_SCREENS = new Set<number | number[]>([47, 1047, 1049]);
/** The one of them that saves the cursor. */
const WITH_CURSOR = 1049;
/** Saves and restores the cursor without changing the screen; the owners do not know it. */
const CURSOR_ALONE = 1048;

/**
 * A program that ends often leaves the alternate screen to be sure. Where the normal one is shown, that must not move the
 * cursor back to where it was saved, or home if it never was: what follows would be written over what is there.
 * Once 1049 has saved a cursor, tmux restores it again and again; that is left to xterm.
 */
export function leaveAlternateScreenOnce({ parser, buffer }: Pick<Terminal, "parser" | "buffer">): IDisposable {
  let cursorSaved = false;
  const handlers = [
    parser.registerCsiHandler({ prefix: "?", final: "h" }, (params) => {
      if (params.includes(WITH_CURSOR)) cursorSaved = true;
      return params.every((param) => param === CURSOR_ALONE);
    }),
    parser.registerCsiHandler({ prefix: "?", final: "l" }, (params) => {
      if (params.every((param) => param === CURSOR_ALONE)) return true;
      if (buffer.active.type === "alternate" || !params.every((param) => ALTERNATE_SCREENS.has(param))) return false;
      return params.includes(WITH_CURSOR) && !cursorSaved;
    }),
    parser.registerEscHandler({ final: "c" }, () => {
      cursorSaved = false;
      return false;
    }),
  ];
  return { dispose: () => handlers.forEach((handler) => handler.dispose()) };
}
