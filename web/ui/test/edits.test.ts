// The emulator edits its screen as the owners of terminals do.

import xterm from "@xterm/headless";
import { expect, it } from "vitest";
import { configureEmulator, EMULATOR_OPTIONS } from "../src/terminal/emulator";

async function after(bytes: string) {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, cols: 8, rows: 3 });
  configureEmulator(terminal as unknown as Parameters<typeof configureEmulator>[0], { clipboard: () => undefined });
  await new Promise<void>((done) => terminal.write(bytes, done));
  const buffer = terminal.buffer.active;
  const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? "");
  return { lines, history: buffer.baseY, cursor: [buffer.cursorX, buffer.cursorY], buffer };
}

it("keeps what scrolls out at the top", async () => {
  const { lines, history } = await after("one\r\ntwo\r\nthree\x1b[2S");
  expect(history).toBe(2);
  expect(lines).toEqual(["one", "two", "three", "", ""]);
});

it("paints what scrolls in with the background", async () => {
  const { buffer } = await after("\x1b[44mone\x1b[T");
  expect(buffer.getLine(0)?.getCell(0)?.getBgColor()).toBe(4);
});

it("leaves the column alone when lines are inserted and deleted", async () => {
  expect((await after("one\x1b[L")).cursor).toEqual([3, 0]);
  expect((await after("one\r\ntwo\x1b[99M")).cursor).toEqual([3, 1]);
});

it("erases up to the last cell of the screen", async () => {
  expect((await after("one\x1b[3;8H\x1b[1Jx")).lines).toEqual(["", "", "       x"]);
});

it("keeps a cursor outside of the margins where it is, with addresses relative to them", async () => {
  const { lines } = await after("\x1b[?6h\x1b7\x1b[2;3r\x1b8a\x1b[Kb\x1b[Hc\x1b[9;1Hd");
  expect(lines).toEqual(["ab", "c", "d"]);
});

it("moves within its row and column, whatever addresses are relative to", async () => {
  const { lines } = await after("\x1b[2;3r\x1b[?6h\x1b[3Ca\x1b[Bb\x1b[Gc\x1b[9Ad");
  expect(lines).toEqual(["", " d a", "c   b"]);
});
