// Which keys of the browser's keyboard are encoded here, and which are left to the emulator (typed text) or the browser. Pure.

import { encodeKey, type KeyModes, type KeyPress } from "./keys";
import type { Modifiers } from "./modifiers";

/** What is read of a `KeyboardEvent`. */
export type KeyEvent = Pick<
  KeyboardEvent,
  "type" | "key" | "code" | "keyCode" | "shiftKey" | "altKey" | "ctrlKey" | "metaKey" | "repeat" | "isComposing" | "getModifierState"
>;

/** Sizes of the browser's letters. */
const ZOOM_KEYS = "-=+0";

export interface KeyRules {
  readonly modes: KeyModes;
  readonly sticky: Modifiers;
  readonly isMac: boolean;
  /** What Shift or Ctrl with Enter sends if the program does not ask for more; `null`: they submit, as Enter does. */
  readonly newLine: string | null;
}

/** The bytes of a key that is not typed text; `null` if the emulator or the browser has to deal with it. */
export function bytesOfEvent(event: KeyEvent, rules: KeyRules): string | null {
  const press = keyPress(event, rules.sticky);
  if (press === null || isLeftAlone(event, press, rules)) return null;
  return bytesOfKey(press, rules);
}

/** The bytes of a key, from whichever keyboard. */
export function bytesOfKey(press: KeyPress, { modes, newLine }: Pick<KeyRules, "modes" | "newLine">): string | null {
  const isNewLine = press.key === "Enter" && (press.shift || press.ctrl) && !press.alt;
  if (isNewLine && newLine === null) return encodeKey({ ...press, shift: false, ctrl: false }, modes);
  if (isNewLine && modes.flags === 0 && modes.modifyOtherKeys === 0) return press.event === "release" ? "" : newLine;
  return encodeKey(press, modes);
}

function keyPress(event: KeyEvent, sticky: Modifiers): KeyPress | null {
  if (event.type !== "keydown" && event.type !== "keyup") return null;
  // An input method is at work, or an on-screen keyboard, which says what it typed in another way.
  if (event.isComposing || event.keyCode === 229 || event.key === "Dead" || event.key === "Process" || event.key === "Unidentified") return null;
  return {
    key: event.key,
    code: event.code,
    shift: event.shiftKey,
    alt: event.altKey || sticky.alt,
    ctrl: event.ctrlKey || sticky.ctrl,
    event: event.type === "keyup" ? "release" : event.repeat ? "repeat" : "press",
  };
}

function isLeftAlone(event: KeyEvent, { key, shift, alt, ctrl }: KeyPress, { modes, isMac }: KeyRules): boolean {
  // The system's and the browser's own; and characters of the third level, which are text.
  if (event.metaKey || event.getModifierState("AltGraph")) return true;
  const isCharacter = [...key].length === 1;
  if (isMac && event.altKey && isCharacter) return true;
  // Copy, paste, and scrolling through what was printed.
  if (key === "Insert" && (shift || ctrl)) return true;
  if ((key === "PageUp" || key === "PageDown") && shift && !alt && !ctrl) return true;
  if (!isCharacter || !ctrl || alt) return false;
  if (ZOOM_KEYS.includes(key)) return true;
  if (modes.flags !== 0 || modes.modifyOtherKeys !== 0) return false;
  // Without a protocol Shift makes no difference with a letter, and other characters have no control character: the browser's.
  if (shift && key.toLowerCase() !== key.toUpperCase()) return true;
  return encodeKey({ key, code: "", shift, alt, ctrl, event: "press" }, modes) === key;
}
