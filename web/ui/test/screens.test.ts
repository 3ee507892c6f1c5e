// Both screens and the saved cursors are as the owners of terminals have them.

import xterm from "@xterm/headless";
import { describe, expect, it } from "vitest";
import { configureEmulator, EMULATOR_OPTIONS } from "../src/terminal/emulator";

const ESC = "\x1b";

async function after(bytes: string) {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, cols: 8, rows: 4 });
  configureEmulator(terminal as unknown as Parameters<typeof configureEmulator>[0], { clipboard: () => undefined });
  await new Promise<void>((done) => terminal.write(bytes, done));
  const buffer = terminal.buffer.active;
  const rows = Array.from({ length: 4 }, (_, row) => buffer.getLine(buffer.baseY + row)?.translateToString(true) ?? "");
  const cell = (row: number, column: number) => buffer.getLine(buffer.baseY + row)?.getCell(column);
  return { rows, cursor: [buffer.cursorX, buffer.cursorY], cell };
}

describe("a saved cursor", () => {
  it("comes back at its place on the screen, whatever has scrolled since", async () => {
    expect((await after(`${ESC}[3;5H${ESC}7${ESC}[4;1H\n\n\n${ESC}8`)).cursor).toEqual([4, 2]);
    expect((await after(`${ESC}[3;5H${ESC}[s${ESC}[4;1H\n\n\n${ESC}[u`)).cursor).toEqual([4, 2]);
  });

  it("comes back with its pen and character sets", async () => {
    const { rows, cell } = await after(`${ESC}[1;4:3;31m${ESC})0\x0e${ESC}7${ESC}[m${ESC})B\x0fq${ESC}8qx\x0fq`);
    expect(rows[0]).toBe("─│q");
    const [first, second, third] = [0, 1, 2].map((column) => cell(0, column));
    expect([first?.getFgColor(), second?.getFgColor(), third?.getFgColor()]).toEqual([1, 1, 1]);
    expect([first?.isBold(), first?.isUnderline()].map(Boolean)).toEqual([true, true]);
  });

  it("comes back with its origin", async () => {
    expect((await after(`${ESC}[2;3r${ESC}[?6h${ESC}7${ESC}[?6l${ESC}8${ESC}[Hx`)).rows).toEqual(["", "x", "", ""]);
  });

  it("is the first cell after a reset", async () => {
    expect((await after(`${ESC}[31mab${ESC}7${ESC}c\nab${ESC}8x`)).rows).toEqual(["x", "ab", "", ""]);
  });
});

describe("the alternate screen", () => {
  it("takes the cursor along without mode 1049", async () => {
    expect((await after(`one${ESC}[?47h\nx${ESC}[?1047ly`)).rows).toEqual(["one", "    y", "", ""]);
  });

  it("is entered once: the saved cursor stays the first one", async () => {
    expect((await after(`one${ESC}[?1049h\n\n${ESC}[?1049h${ESC}[?1049l!`)).rows).toEqual(["one!", "", "", ""]);
  });

  it("has the margins and tab stops of the normal one", async () => {
    expect((await after(`${ESC}[2;3r${ESC}[3g${ESC}[4G${ESC}H${ESC}[?1049h${ESC}[3;1Ha\r\nb\tc`)).rows).toEqual(["", "a", "b  c", ""]);
    expect((await after(`${ESC}[?1049h${ESC}[2;3r${ESC}[?1049l${ESC}[3;1Ha\nb`)).rows).toEqual(["", "a", " b", ""]);
  });

  it("has a saved cursor of its own", async () => {
    expect((await after(`one${ESC}7${ESC}[?1049h${ESC}[4;4H${ESC}7${ESC}[?1047l${ESC}8!`)).rows).toEqual(["one!", "", "", ""]);
  });
});
