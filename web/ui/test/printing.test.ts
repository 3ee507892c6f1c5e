// The emulator prints characters as the owners of terminals do.

import xterm from "@xterm/headless";
import { expect, it } from "vitest";
import { configureEmulator, EMULATOR_OPTIONS } from "../src/terminal/emulator";

/** Our own terminals' rule: two columns from U+2E80 on, none for combining marks and the joiner. */
const WIDTHS = (() => {
  const runs: [number, number][] = [[0x300, 1], [0x70, 0], [0x200d - 0x370, 1], [1, 0], [0x2e80 - 0x200e, 1], [0x8000, 2]];
  const bytes: number[] = [];
  for (const [count, width] of runs) {
    let number = count * 4 + width;
    for (; number >= 0x80; number >>= 7) bytes.push((number & 0x7f) | 0x80);
    bytes.push(number);
  }
  return `\x1b]7117;zero-width;${btoa(String.fromCharCode(...bytes))}\x1b\\`;
})();

async function after(bytes: string) {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, cols: 6, rows: 2 });
  configureEmulator(terminal as unknown as Parameters<typeof configureEmulator>[0], { clipboard: () => undefined });
  await new Promise<void>((done) => terminal.write(WIDTHS + bytes, done));
  const buffer = terminal.buffer.active;
  return { line: buffer.getLine(0)?.translateToString(true), cursor: [buffer.cursorX, buffer.cursorY] };
}

it("leaves out characters without width that have nothing to join", async () => {
  expect(await after("\u0301\u200da\u0301b")).toEqual({ line: "a\u0301b", cursor: [2, 0] });
  expect(await after("ab\r\u0301")).toEqual({ line: "ab", cursor: [0, 0] });
});

it("joins them to a cell that was never printed to", async () => {
  expect(await after("\x1b[4G\u0301x")).toEqual({ line: "   \u0301x", cursor: [4, 0] });
});

it("leaves out a wide character that does not fit where lines do not wrap", async () => {
  expect(await after("\x1b[?7labcde漢字")).toEqual({ line: "abcde", cursor: [5, 0] });
  expect(await after("\x1b[?7labcd漢字")).toEqual({ line: "abcd漢", cursor: [6, 0] });
});

it("leaves no half of a wide character where lines do not wrap", async () => {
  expect(await after("\x1b[?7labcd漢x")).toEqual({ line: "abcd x", cursor: [6, 0] });
});
