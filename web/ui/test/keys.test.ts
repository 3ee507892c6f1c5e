// Every key with every modifier: what a real xterm sends (../../../tests/keys.json), and what the kitty protocol says.

import xterm from "@xterm/headless";
import { describe, expect, it } from "vitest";
import table from "../../../tests/keys.json";
import { newLineOf } from "../src/model/new-line";
import { bytesOfEvent, bytesOfKey, type KeyEvent, type KeyRules } from "../src/terminal/key-events";
import { KeyboardModes } from "../src/terminal/keyboard-modes";
import { encodeKey, keyOfText, type KeyModes, type KeyPress } from "../src/terminal/keys";

const ESC = "\x1b";
const PLAIN: KeyModes = { flags: 0, modifyOtherKeys: 0, applicationCursor: false };
const SHIFTED: Record<string, string> = Object.fromEntries(
  [..."`~1!2@3#4$5%6^7&8*9(0)-_=+[{]}\\|;:'\",<.>/?"].reduce<string[][]>((pairs, char, at) => {
    if (at % 2 === 0) pairs.push([char]);
    else pairs.at(-1)!.push(char);
    return pairs;
  }, []),
);
const CODES: Record<string, string> = {
  "`": "Backquote", "-": "Minus", "=": "Equal", "[": "BracketLeft", "]": "BracketRight", "\\": "Backslash", ";": "Semicolon",
  "'": "Quote", ",": "Comma", ".": "Period", "/": "Slash", " ": "Space",
};

function press(key: string, modifiers: string, event: KeyPress["event"] = "press"): KeyPress {
  const shift = modifiers.includes("shift");
  const code = CODES[key] ?? (/^[a-z]$/.test(key) ? `Key${key.toUpperCase()}` : /^\d$/.test(key) ? `Digit${key}` : key);
  const shown = !shift || key.length > 1 ? key : (SHIFTED[key] ?? key.toUpperCase());
  return { key: shown, code, shift, alt: modifiers.includes("alt"), ctrl: modifiers.includes("ctrl"), event };
}

describe("what a real xterm sends", () => {
  const modes: Record<string, KeyModes> = {
    normal: PLAIN,
    "application cursor": { ...PLAIN, applicationCursor: true },
    "modifyOtherKeys 1": { ...PLAIN, modifyOtherKeys: 1 },
    "modifyOtherKeys 2": { ...PLAIN, modifyOtherKeys: 2 },
  };

  /** Why another thing is sent, on purpose. */
  function reason(mode: string, key: string, modifiers: string, theirs: string): string | null {
    if (/^F\d/.test(key) && modifiers === "alt+ctrl") return "X takes it for a virtual console";
    if (mode === "modifyOtherKeys 2" && modifiers === "shift" && key.length === 1) return "Shift alone makes text, which no program has to decode";
    if (mode === "modifyOtherKeys 1" && modifiers.includes("alt") && theirs.startsWith(`${ESC}[27;`)) return "xterm leaves Alt out";
    if (mode === "modifyOtherKeys 1" && modifiers.includes("alt+ctrl") && key === "/") return "xterm leaves Alt out";
    return null;
  }

  for (const [mode, keyModes] of Object.entries(modes)) {
    it(`is sent here: ${mode}`, () => {
      let compared = 0;
      for (const [key, sent] of Object.entries<string[]>(table[mode as "normal"])) {
        table.modifiers.forEach((modifiers: string, at: number) => {
          const theirs = sent[at]!;
          if (reason(mode, key, modifiers, theirs) !== null) return;
          const pressed = press(key, modifiers);
          // Text is the emulator's affair.
          const ours = encodeKey(pressed, keyModes) ?? pressed.key;
          expect({ key, modifiers, sent: ours }).toEqual({ key, modifiers, sent: theirs });
          compared += 1;
        });
      }
      expect(compared).toBeGreaterThan(500);
    });
  }
});

describe("the kitty keyboard protocol", () => {
  const cases: readonly (readonly [number, string, string, KeyPress["event"], string | null])[] = [
    // Flag 1: what could be taken for something else is told apart; text stays text.
    [1, "a", "", "press", null], [1, "a", "shift", "press", null], [1, "a", "ctrl", "press", "[97;5u"], [1, "a", "shift+ctrl", "press", "[97;6u"],
    [1, "a", "alt", "press", "[97;3u"], [1, "1", "shift+alt", "press", "[49;4u"], [1, "/", "ctrl", "press", "[47;5u"],
    [1, " ", "ctrl", "press", "[32;5u"], [1, "Escape", "", "press", "[27u"], [1, "Enter", "", "press", "\r"], [1, "Enter", "shift", "press", "[13;2u"],
    [1, "Enter", "ctrl", "press", "[13;5u"], [1, "Enter", "alt", "press", "[13;3u"], [1, "Tab", "", "press", "\t"], [1, "Tab", "shift", "press", "[9;2u"],
    [1, "Backspace", "", "press", "\x7f"], [1, "Backspace", "ctrl", "press", "[127;5u"], [1, "ArrowUp", "", "press", "[A"],
    [1, "ArrowUp", "shift", "press", "[1;2A"], [1, "F1", "", "press", "[P"], [1, "F3", "", "press", "[13~"], [1, "F3", "ctrl", "press", "[13;5~"],
    [1, "F5", "", "press", "[15~"], [1, "Delete", "alt", "press", "[3;3~"], [1, "a", "ctrl", "repeat", "[97;5u"], [1, "a", "ctrl", "release", null],
    [1, "ArrowUp", "", "release", ""],
    // Flag 2: repeats and releases.
    [3, "a", "", "repeat", null], [3, "a", "", "release", "[97;1:3u"], [3, "ArrowUp", "", "repeat", "[1;1:2A"], [3, "ArrowUp", "ctrl", "release", "[1;5:3A"],
    [3, "Enter", "", "release", ""], [3, "Escape", "", "release", "[27;1:3u"],
    // Flag 4: the character with Shift, and the key's place.
    [5, "a", "shift+ctrl", "press", "[97:65;6u"], [5, "a", "ctrl", "press", "[97;5u"], [5, "1", "shift+ctrl", "press", "[49:33;6u"],
    // Flag 8: everything is escaped. Flag 16: with its text.
    [8, "a", "", "press", "[97u"], [8, "a", "shift", "press", "[97;2u"], [8, "Enter", "", "press", "[13u"], [8, "Tab", "", "press", "[9u"],
    [10, "Enter", "", "release", "[13;1:3u"], [24, "a", "", "press", "[97;;97u"], [24, "a", "shift", "press", "[97;2;65u"], [24, "a", "ctrl", "press", "[97;5u"],
    [26, "a", "", "release", "[97;1:3u"],
    // Without flag 1 and 8 nothing is escaped that is not asked for.
    [2, "a", "ctrl", "press", "\x01"], [2, "Escape", "", "press", "\x1b"], [2, "ArrowUp", "", "release", "[1;1:3A"],
  ];

  for (const [flags, key, modifiers, event, sent] of cases) {
    it(`flags ${flags}: ${modifiers} ${key} ${event}`, () => {
      const expected = sent?.startsWith("[") ? ESC + sent : sent;
      expect(encodeKey(press(key, modifiers, event), { ...PLAIN, flags })).toBe(expected);
    });
  }

  it("tells the key's place on another layout", () => {
    const pressed = { key: "ц", code: "KeyW", shift: false, alt: false, ctrl: true, event: "press" } as const;
    expect(encodeKey(pressed, { ...PLAIN, flags: 1 })).toBe(`${ESC}[1094;5u`);
    expect(encodeKey(pressed, { ...PLAIN, flags: 5 })).toBe(`${ESC}[1094::119;5u`);
    expect(encodeKey({ ...pressed, key: "Ц", shift: true }, { ...PLAIN, flags: 5 })).toBe(`${ESC}[1094:1062:119;6u`);
  });

  it("reports modifiers themselves only if all keys are reported", () => {
    const shift = { key: "Shift", code: "ShiftLeft", shift: true, alt: false, ctrl: false, event: "press" } as const;
    expect(encodeKey(shift, { ...PLAIN, flags: 1 })).toBe("");
    expect(encodeKey(shift, { ...PLAIN, flags: 8 })).toBe(`${ESC}[57441;2u`);
    expect(encodeKey({ ...shift, key: "AudioVolumeUp", code: "AudioVolumeUp" }, { ...PLAIN, flags: 8 })).toBeNull();
  });
});

describe("a new line", () => {
  const enter = (modifiers: string, modes: KeyModes, newLine: string | null = "\x1b\r"): string | null => bytesOfKey(press("Enter", modifiers), { modes, newLine });

  it("is what the program takes, or what it asked for", () => {
    expect(["shift", "ctrl", "shift+ctrl"].map((modifiers) => enter(modifiers, PLAIN))).toEqual(["\x1b\r", "\x1b\r", "\x1b\r"]);
    expect(enter("shift", PLAIN, "\x16\n")).toBe("\x16\n");
    expect(enter("shift", { ...PLAIN, flags: 1 })).toBe(`${ESC}[13;2u`);
    expect(enter("ctrl", { ...PLAIN, modifyOtherKeys: 1 })).toBe(`${ESC}[27;5;13~`);
    expect([enter("", PLAIN), enter("alt", PLAIN)]).toEqual(["\r", "\x1b\r"]);
  });

  it("is not made where the user wants to submit", () => {
    expect([enter("shift", PLAIN, null), enter("ctrl", { ...PLAIN, flags: 1 }, null)]).toEqual(["\r", "\r"]);
  });

  it("differs by program", () => {
    expect(["/bin/bash", "-zsh", "sh", "vim", "claude", "node", ""].map((command) => newLineOf(command, null))).toEqual(
      ["\x16\n", "\x16\n", "\r", "\r", "\x1b\r", "\x1b\r", "\x1b\r"],
    );
    const created = (program: string, ...args: string[]) => ({ program, args });
    expect([newLineOf("", created("bash")), newLineOf("codex", created("bash"))]).toEqual(["\x16\n", "\x1b\r"]);
    expect([newLineOf("bash", created("bash", "--norc", "-i")), newLineOf("sh", created("/bin/sh", "-c", "claude"))]).toEqual(["\x16\n", "\x1b\r"]);
  });
});

describe("keys of the browser", () => {
  const event = (init: Partial<KeyEvent>): KeyEvent => ({
    type: "keydown", key: "", code: "", keyCode: 0, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, repeat: false, isComposing: false,
    getModifierState: () => false, ...init,
  });
  const rules = (more: Partial<KeyRules> = {}): KeyRules => ({ modes: PLAIN, sticky: { ctrl: false, alt: false }, isMac: false, newLine: "\x1b\r", ...more });
  const bytes = (init: Partial<KeyEvent>, more: Partial<KeyRules> = {}): string | null => bytesOfEvent(event(init), rules(more));

  it("make the control character that the emulator leaves out", () => {
    expect(bytes({ key: "/", code: "Slash", ctrlKey: true })).toBe("\x1f");
    expect(bytes({ key: "6", code: "Digit6", ctrlKey: true })).toBe("\x1e");
  });

  it("stay the browser's where a program gains nothing", () => {
    const combinations = [{ key: "-", ctrlKey: true }, { key: "1", ctrlKey: true }, { key: "I", ctrlKey: true, shiftKey: true },
      { key: "Insert", shiftKey: true }, { key: "Insert", ctrlKey: true }, { key: "PageUp", shiftKey: true }, { key: "c", metaKey: true }];
    for (const combination of combinations) expect(bytes(combination)).toBeNull();
    expect(bytes({ key: "I", code: "KeyI", ctrlKey: true, shiftKey: true }, { modes: { ...PLAIN, flags: 1 } })).toBe(`${ESC}[105;6u`);
    expect(bytes({ key: "-", ctrlKey: true }, { modes: { ...PLAIN, flags: 1 } })).toBeNull();
  });

  it("are text where an input method, a third level or macOS's Option makes it", () => {
    expect(bytes({ key: "a", keyCode: 229 })).toBeNull();
    expect(bytes({ key: "Enter", isComposing: true })).toBeNull();
    expect(bytes({ key: "Dead", altKey: true })).toBeNull();
    expect(bytes({ key: "@", ctrlKey: true, altKey: true, getModifierState: (name: string) => name === "AltGraph" })).toBeNull();
    expect(bytes({ key: "å", altKey: true }, { isMac: true })).toBeNull();
    expect(bytes({ key: "ArrowLeft", altKey: true }, { isMac: true })).toBe(`${ESC}[1;3D`);
  });

  it("take the sticky modifiers of the key bar", () => {
    expect(bytes({ key: "c", code: "KeyC" }, { sticky: { ctrl: true, alt: false } })).toBe("\x03");
    expect(bytes({ key: "Enter" }, { sticky: { ctrl: true, alt: false } })).toBe("\x1b\r");
  });

  it("are known by what the key bar sends", () => {
    expect(["\r", "\t", `${ESC}[Z`, ESC, `${ESC}[A`, `${ESC}OD`, "c", "\x7f"].map((text) => keyOfText(text)?.key)).toEqual(
      ["Enter", "Tab", "Tab", "Escape", "ArrowUp", "ArrowLeft", "c", "Backspace"],
    );
    expect(["ls", `${ESC}[I`, `${ESC}[<0;1;1M`, "", "\x03"].map(keyOfText)).toEqual([null, null, null, null, null]);
  });
});

describe("what the program asks for", () => {
  async function after(output: string): Promise<KeyModes> {
    const terminal = new xterm.Terminal({ allowProposedApi: true });
    const modes = new KeyboardModes(terminal);
    await new Promise<void>((done) => terminal.write(output, done));
    return modes.current;
  }

  it("is followed: flags are pushed, set, popped, and belong to a screen", async () => {
    const cases: [string, number][] = [
      ["", 0], ["\x1b[>1u", 1], ["\x1b[>u", 0], ["\x1b[=5u", 5], ["\x1b[>1u\x1b[>3u\x1b[<u", 1], ["\x1b[>1u\x1b[>3u\x1b[<9u", 0], ["\x1b[=5u\x1b[>1u\x1b[<u", 5],
      ["\x1b[=5u\x1b[<u", 0], ["\x1b[>5u\x1b[=2;2u", 7], ["\x1b[>7u\x1b[=2;3u", 5], ["\x1b[>255u", 31], ["\x1b[>1u\x1b[?1049h", 0],
      ["\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[?1049l", 1], ["\x1b[>1u\x1bc", 0],
    ];
    for (const [output, flags] of cases) expect([output, (await after(output)).flags]).toEqual([output, flags]);
  });

  it("is followed: modifyOtherKeys", async () => {
    const cases: [string, number][] = [["\x1b[>4;1m", 1], ["\x1b[>4;2m", 2], ["\x1b[>4;2m\x1b[>4m", 0], ["\x1b[>4;2m\x1b[>m", 0], ["\x1b[>4;2m\x1b[>4n", 0],
      ["\x1b[>1;2m", 0], ["\x1b[>4;2m\x1bc", 0]];
    for (const [output, level] of cases) expect([output, (await after(output)).modifyOtherKeys]).toEqual([output, level]);
  });

  it("prints nothing", async () => {
    const terminal = new xterm.Terminal({ allowProposedApi: true });
    new KeyboardModes(terminal);
    await new Promise<void>((done) => terminal.write("a\x1b[>1u\x1b[=1;2u\x1b[<u\x1b[>4;2m\x1b[>4nb", done));
    expect(terminal.buffer.active.getLine(0)?.translateToString(true)).toBe("ab");
  });
});
