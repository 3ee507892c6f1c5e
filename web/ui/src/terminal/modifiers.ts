// Applies the sticky Ctrl and Alt of the phone's key bar to what the on-screen keyboard types. Pure.

export interface Modifiers {
  readonly ctrl: boolean;
  readonly alt: boolean;
}

const ESC = "\x1b";

/** The bytes a terminal expects for `text` typed while the modifiers are held. */
export function withModifiers(text: string, { ctrl, alt }: Modifiers): string {
  let typed = text;
  if (ctrl) typed = withControl(typed);
  return alt ? ESC + typed : typed;
}

function withControl(text: string): string {
  if (text.length !== 1) return withControlArrow(text);
  const code = text.toUpperCase().charCodeAt(0);
  if (code >= 0x40 && code <= 0x5f) return String.fromCharCode(code - 0x40);
  if (text === " ") return "\0";
  if (text === "?") return "\x7f";
  if (text === "/") return "\x1f";
  return text;
}

/** Cursor keys carry the modifier as a parameter: `CSI 1 ; 5 A`. */
function withControlArrow(text: string): string {
  const final = /^\x1b[[O]([A-DFH])$/.exec(text)?.[1];
  return final === undefined ? text : `${ESC}[1;5${final}`;
}
