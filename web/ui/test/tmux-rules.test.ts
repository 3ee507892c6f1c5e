// The emulator prints, moves and edits as tmux does once a snapshot of a tmux has come. The differential tests compare more.

import xterm from "@xterm/headless";
import { expect, test } from "vitest";
import { configureEmulator, EMULATOR_OPTIONS, type Emulator } from "../src/terminal/emulator";

/** The head of a tmux's snapshot, with widths 1 for all below U+0300, 0 for marks and joiners, 2 for what is above U+3000. */
function head(join: string): string {
  const runs = [[0x300, 1], [0x70, 0], [0x200b - 0x370, 1], [5, 0], [0x3000 - 0x2010, 1], [0x10ffff - 0x3000, 2]] as const;
  const bytes: number[] = [];
  for (const [length, width] of runs) {
    let number = length * 4 + width;
    for (; number >= 0x80; number = Math.floor(number / 0x80)) bytes.push((number & 0x7f) | 0x80);
    bytes.push(number);
  }
  return `\x1b]7117;${join};${btoa(String.fromCharCode(...bytes))}\x1b\\`;
}

async function after(bytes: string, join = "joiner") {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, cols: 8, rows: 3 });
  configureEmulator(terminal as unknown as Emulator, { clipboard: () => undefined });
  await new Promise<void>((done) => terminal.write(head(join) + bytes, done));
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? "");
  return { lines, history: active.baseY, cursor: [active.cursorX, active.cursorY] };
}

test("a cursor behind the last column counts as a place", async () => {
  expect((await after("12345678\x1b[D")).cursor).toEqual([7, 0]);
  expect((await after("12345678\x08")).cursor).toEqual([7, 0]);
  expect((await after("12345678\x1b[2d")).cursor).toEqual([8, 1]);
  expect((await after("12345678\x1b[P\x1b[X\x1b[@")).lines[0]).toBe("12345678");
  expect((await after("12345678\x1b[P", "zero-width")).lines[0]).toBe("1234567");
});

test("erasing from the first cell on moves the screen to the history", async () => {
  expect((await after("one\r\ntwo\x1b[H\x1b[J")).history).toBe(2);
  expect((await after("one\r\ntwo\x1b[H\x1b[J", "zero-width")).history).toBe(0);
});

test("a character without width joins nothing in the first column", async () => {
  expect((await after("\u0301x\r\n\u200d漢y")).lines.slice(0, 2)).toEqual(["x", "y"]);
  expect((await after("a\u0301")).lines[0]).toBe("a\u0301");
});

test("a repeated character fills the line, which is full then", async () => {
  const { lines, cursor } = await after("ab\x1b[?7;7lbbbbbbbbbb\x1b[?7;7h");
  expect([lines[0], cursor]).toEqual(["abbbbbbb", [8, 0]]);
  expect((await after("ab\x1b[?7lbbbbbbbbbb\x1b[?7h")).cursor).toEqual([7, 0]);
});

test("inserting more than is left to move leaves some where they are", async () => {
  expect((await after("12345678\x1b[G\x1b[5@")).lines[0]).toBe("   45123");
  expect((await after("12345678\x1b[G\x1b[8@")).lines[0]).toBe("12345678");
  expect((await after("1\r\n2\r\n3\x1b[2;3r\x1b[H\x1b[2L")).lines).toEqual(["", "2", "1"]);
});

test("a wide character that does not fit leaves the cell behind it as it was", async () => {
  expect((await after("1234567\x1b[7G\x1b[1C漢")).lines.slice(0, 2)).toEqual(["1234567", "漢"]);
});

test("a wide character in the last two columns stays when lines do not wrap", async () => {
  expect((await after("\x1b[?7l\x1b[7G漢")).lines[0]).toBe("      漢");
  expect((await after("\x1b[?7l\x1b[7G漢x")).lines[0]).toBe("       x");
});

test("since 3.4 a character that makes another wide in the last column puts the cursor there", async () => {
  expect((await after("1234567\u2714\ufe0f", "clusters")).cursor).toEqual([7, 0]);
  expect((await after("123456\u2714\ufe0f", "clusters")).cursor).toEqual([8, 0]);
});

test("since 3.4 a character without width joins only what it stands right behind", async () => {
  expect((await after("漢\x1b[2G\u0301", "clusters")).lines[0]).toBe("漢");
  expect((await after("漢\x1b[2G\u0301")).lines[0]).toBe("漢\u0301");
  expect((await after("漢\u0301", "clusters")).lines[0]).toBe("漢\u0301");
});

test("what is erased goes to the history, or not where the owner says so", async () => {
  const inPlace = "\x1b]7117;erase-in-place\x1b\\";
  for (const erasing of ["\x1b[2J", "\x1b[H\x1b[J", "\x1bc"]) {
    expect((await after(`one\r\ntwo${erasing}`)).history).toBe(2);
    expect(await after(`${inPlace}one\r\ntwo${erasing}`)).toMatchObject({ history: 0, lines: ["", "", ""] });
  }
  expect((await after(`1\r\n2\r\n3\r\n4${inPlace}\x1bc`)).history).toBe(1);
  expect((await after(`${inPlace}${head("joiner")}one\x1b[2J`)).history).toBe(1);
});

test("a row that continues another does so also after a line feed went there", async () => {
  expect((await after("123456789\x1b[H\n\x08")).cursor).toEqual([7, 0]);
  expect((await after("123456789\x1b[H\n\x08", "zero-width")).cursor).toEqual([0, 1]);
});

test("since 3.4 any character is repeated as often as there are columns left, and wraps", async () => {
  const repeated = (text: string, character: string) => after(`${text}\x1b[?7;7l${character.repeat(9)}\x1b[?7;7h`, "clusters");
  expect(await repeated("123456", "x")).toMatchObject({ cursor: [8, 0], lines: ["123456xx", "", ""] });
  expect(await repeated("12345", "漢")).toMatchObject({ cursor: [4, 1], lines: ["12345漢", "漢漢", ""] });
  expect((await repeated("123456", "\u0301")).lines[0]).toBe("123456\u0301\u0301");
});

test("what stands on half of a cell that has grown erases it", async () => {
  expect((await after("a漢字\x1b[3G1\ufe0f\u0301\u0e01x", "clusters")).lines[0]).toBe("a   \u0e01x");
});

test("a regional indicator does not join a line that is drawn, but the character that looks like it", async () => {
  const flag = "\u{1f1e9}";
  expect((await after(`\x1b(0q\x1b(B${flag}x`, "clusters")).cursor).toEqual([4, 0]);
  expect((await after(`\u2500${flag}x`, "clusters")).cursor).toEqual([3, 0]);
});

test("what a full cell does not take has the next one, until something is printed there", async () => {
  const full = `e${"\u0301".repeat(10)}`;
  expect((await after(`${full}\u0300\u0302`, "clusters")).lines[0]).toBe(`${full}\u0302`);
  expect((await after(`${full}\u0300x`, "clusters")).lines[0]).toBe(`${full}x`);
  expect((await after(`${full}\u0300`, "joiner")).lines[0]).toBe(full);
});

test("a row that is erased as a whole does not run on, one that is erased in part does", async () => {
  const cursor = async (bytes: string) => (await after(`abcdefghij${bytes}\b`, "clusters")).cursor;
  for (const whole of ["\x1b[H\x1b[K\n", "\x1b[H\x1b[99P\n", "\x1b[H\x1b[99X\n", "\x1b[1;8H\x1b[1K\r\n", "\r\x1b[K"]) {
    expect(await cursor(whole), JSON.stringify(whole)).toEqual([0, 1]);
  }
  for (const part of ["\x1b[1K\r", "\x1b[H\x1b[8@\n", "\x1b[1;3H\x1b[K\r\n"]) {
    expect(await cursor(part), JSON.stringify(part)).toEqual([7, 0]);
  }
});

test("since a line that is drawn is a letter, a joiner takes that along", async () => {
  expect((await after("\x1b(0漢\u200di", "joiner")).lines[0]).toBe("漢\u200di");
});
