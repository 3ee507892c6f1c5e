// What a key sends to a program: as xterm does, or as the program asked for it (kitty keyboard protocol, modifyOtherKeys). Pure.

export interface KeyPress {
  /** As in `KeyboardEvent`: the character that the key makes, or its name. */
  readonly key: string;
  /** As in `KeyboardEvent`: the key's place on the keyboard; empty if it is not known. */
  readonly code: string;
  readonly shift: boolean;
  readonly alt: boolean;
  readonly ctrl: boolean;
  readonly event: "press" | "repeat" | "release";
}

/** How the program wants keys. */
export interface KeyModes {
  /** Flags of the kitty keyboard protocol. */
  readonly flags: number;
  /** 0 to 2. */
  readonly modifyOtherKeys: number;
  readonly applicationCursor: boolean;
}

export const DISAMBIGUATE = 1;
const EVENT_TYPES = 2;
const ALTERNATES = 4;
const ALL_KEYS = 8;
const TEXT = 16;

const ESC = "\x1b";

/** Keys that make no character: `CSI number ; modifiers final`. Without a number it is 1, and left out where it can be. */
const FUNCTIONAL: Readonly<Record<string, { readonly number?: number; readonly final: string }>> = {
  ArrowUp: { final: "A" }, ArrowDown: { final: "B" }, ArrowRight: { final: "C" }, ArrowLeft: { final: "D" },
  Home: { final: "H" }, End: { final: "F" },
  Insert: { number: 2, final: "~" }, Delete: { number: 3, final: "~" }, PageUp: { number: 5, final: "~" }, PageDown: { number: 6, final: "~" },
  F1: { final: "P" }, F2: { final: "Q" }, F3: { final: "R" }, F4: { final: "S" },
  ...Object.fromEntries([15, 17, 18, 19, 20, 21, 23, 24].map((number, at) => [`F${at + 5}`, { number, final: "~" }])),
};

/** Keys whose code is a control character. */
const CONTROLS: Readonly<Record<string, number>> = { Enter: 13, Tab: 9, Backspace: 127, Escape: 27 };

/** Codes of the kitty protocol for keys that only modify, by their place. */
const MODIFIER_KEYS: Readonly<Record<string, number>> = {
  CapsLock: 57358, NumLock: 57360, ShiftLeft: 57441, ControlLeft: 57442, AltLeft: 57443, MetaLeft: 57444,
  ShiftRight: 57447, ControlRight: 57448, AltRight: 57449, MetaRight: 57450,
};

/** The characters of a US keyboard by place, without and with Shift: what a key is called when its own layout is not known. */
const US: Readonly<Record<string, string>> = {
  Backquote: "`~", Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:", Quote: "'\"",
  Comma: ",<", Period: ".>", Slash: "/?", Space: "  ",
  ...Object.fromEntries([...")!@#$%^&*("].map((shifted, digit) => [`Digit${digit}`, `${digit}${shifted}`])),
  ...Object.fromEntries([..."abcdefghijklmnopqrstuvwxyz"].map((letter) => [`Key${letter.toUpperCase()}`, letter + letter.toUpperCase()])),
};

/** The bytes of a key; empty if it sends none; `null` if it is typed text or no key of a terminal. */
export function encodeKey(press: KeyPress, modes: KeyModes): string | null {
  const { key } = press;
  const known = key in FUNCTIONAL || key in CONTROLS || isCharacter(key) || (press.code in MODIFIER_KEYS && key !== "Unidentified");
  if (!known) return null;
  if (modes.flags !== 0) return kitty(press, modes);
  if (press.event === "release" || press.code in MODIFIER_KEYS) return isCharacter(key) ? null : "";
  if (isCharacter(key) && !press.alt && !press.ctrl) return null;
  return modified(press, modes.modifyOtherKeys) ?? legacy(press, modes.applicationCursor);
}

/** The key that a text stands for, if the text is what a key of the phone's key bar sends. */
export function keyOfText(text: string): Pick<KeyPress, "key" | "shift"> | null {
  const cursor = /^\x1b[[O]([ABCDHF])$/.exec(text)?.[1];
  const found = Object.entries(FUNCTIONAL).find(([, { number, final }]) => number === undefined && final === cursor)?.[0];
  if (found !== undefined) return { key: found, shift: false };
  if (text === `${ESC}[Z`) return { key: "Tab", shift: true };
  const control = Object.entries(CONTROLS).find(([, code]) => text === String.fromCharCode(code))?.[0];
  if (control !== undefined) return { key: control, shift: false };
  return isCharacter(text) ? { key: text, shift: text !== text.toLowerCase() } : null;
}

function isCharacter(key: string): boolean {
  const [first, ...rest] = key;
  return first !== undefined && rest.length === 0 && first >= " " && first !== "\x7f";
}

/** 1, and what is held: 1 Shift, 2 Alt, 4 Ctrl. */
function modifierNumber({ shift, alt, ctrl }: KeyPress): number {
  return 1 + (shift ? 1 : 0) + (alt ? 2 : 0) + (ctrl ? 4 : 0);
}

/** xterm without any protocol. */
function legacy(press: KeyPress, applicationCursor: boolean): string {
  const { key, shift, alt, ctrl } = press;
  const functional = FUNCTIONAL[key];
  const held = modifierNumber(press);
  if (functional !== undefined) {
    const { number, final } = functional;
    if (held > 1) return `${ESC}[${number ?? 1};${held}${final}`;
    if (number !== undefined) return `${ESC}[${number}${final}`;
    return `${ESC}${applicationCursor || final >= "P" ? "O" : "["}${final}`;
  }
  if (key === "Tab" && shift) return `${ESC}[Z`;
  const code = CONTROLS[key];
  let text = code === undefined ? key : String.fromCharCode(code);
  if (ctrl) text = key === "Backspace" ? "\b" : control(text);
  return alt ? ESC + text : text;
}

/** Ctrl and a character, as the X library has it. */
function control(text: string): string {
  const code = text.charCodeAt(0);
  if (text.length !== 1) return text;
  if (code >= 0x40 && code < 0x7f) return String.fromCharCode(code & 0x1f);
  if (code >= 0x33 && code <= 0x37) return String.fromCharCode(code - 0x33 + 0x1b);
  return { " ": "\0", "2": "\0", "8": "\x7f", "/": "\x1f", "?": "\x7f" }[text] ?? text;
}

/** `modifyOtherKeys`; `null`: as without. Text that is typed with Shift alone stays text at every level. */
function modified(press: KeyPress, level: number): string | null {
  const { key, shift, alt, ctrl } = press;
  if (level === 0 || key in FUNCTIONAL || modifierNumber(press) === 1) return null;
  const report = (code: number): string => `${ESC}[27;${modifierNumber(press)};${code}~`;
  const code = CONTROLS[key] ?? key.codePointAt(0)!;
  if (key === "Tab" && shift && (level === 1 || (!alt && !ctrl))) return null;
  if (key === "Backspace") {
    if (level === 1 || (ctrl && !alt && !shift)) return null;
    return report(ctrl ? 8 : code);
  }
  if (level > 1) return report(code);
  if (key === "Enter") return shift || (ctrl && !alt) ? report(code) : null;
  if (key === "Tab") return ctrl && !alt ? report(code) : null;
  if (key === "Escape") return alt && (shift || ctrl) ? report(code) : null;
  const isWellKnown = key !== "?" && control(key) !== key;
  return ctrl && !isWellKnown ? report(code) : null;
}

/** The kitty keyboard protocol. */
function kitty(press: KeyPress, { flags, applicationCursor }: KeyModes): string | null {
  const { key, alt, ctrl, event } = press;
  const all = (flags & ALL_KEYS) !== 0;
  const escaped = all || (flags & DISAMBIGUATE) !== 0;
  const released = event === "release";
  if (released && (flags & EVENT_TYPES) === 0) return isCharacter(key) ? null : "";
  const modifierKey = MODIFIER_KEYS[press.code];
  if (modifierKey !== undefined) return all ? sequence(press, flags, `${modifierKey}`, "u") : "";
  const functional = FUNCTIONAL[key];
  if (functional !== undefined) {
    const plain = modifierNumber(press) === 1 && event !== "release" && (event === "press" || (flags & EVENT_TYPES) === 0);
    if (!escaped && plain) return legacy(press, applicationCursor);
    // `CSI R` would be a report of the cursor's position.
    if (key === "F3") return sequence(press, flags, "13", "~");
    return sequence(press, flags, `${functional.number ?? ""}`, functional.final);
  }
  const code = CONTROLS[key];
  if (code !== undefined) {
    // So that a program that ended without taking its flags back leaves a shell that can be used.
    const useful = key !== "Escape" && !all;
    if (useful && released) return "";
    if (!escaped || (useful && modifierNumber(press) === 1)) return released ? "" : legacy(press, applicationCursor);
    return sequence(press, flags, `${code}`, "u");
  }
  if (!all && !alt && !ctrl && !released) return null;
  if (!escaped && !released) return legacy(press, applicationCursor);
  return sequence(press, flags, characterCode(press, flags), "u", !alt && !ctrl ? key : "");
}

/** The character's code without Shift; if asked for, with Shift and where a US keyboard has the key. */
function characterCode(press: KeyPress, flags: number): string {
  const us = US[press.code];
  const unshifted = unshiftedKey(press, us);
  const code = unshifted.codePointAt(0)!;
  if ((flags & ALTERNATES) === 0) return `${code}`;
  const shifted = press.shift && press.key !== unshifted ? `${press.key.codePointAt(0)}` : "";
  const base = us !== undefined && us[0] !== unshifted ? `:${us.charCodeAt(0)}` : "";
  return `${code}${shifted === "" && base === "" ? "" : `:${shifted}`}${base}`;
}

function unshiftedKey({ key, shift }: KeyPress, us: string | undefined): string {
  const lower = key.toLowerCase();
  if (lower !== key && [...lower].length === 1) return lower;
  return shift && us?.[1] === key ? us[0]! : key;
}

function sequence(press: KeyPress, flags: number, code: string, final: string, text = ""): string {
  const event = (flags & EVENT_TYPES) === 0 || press.event === "press" ? "" : press.event === "repeat" ? ":2" : ":3";
  const held = modifierNumber(press);
  const typed = (flags & TEXT) !== 0 && (flags & ALL_KEYS) !== 0 && text !== "" && press.event !== "release" ? `;${text.codePointAt(0)}` : "";
  if (held === 1 && event === "" && typed === "") return `${ESC}[${code}${final}`;
  const modifiers = held === 1 && event === "" ? "" : `${held}${event}`;
  return `${ESC}[${code === "" ? "1" : code};${modifiers}${typed}${final}`;
}
