// The emulator never answers the program, lets it write the clipboard but not read it, and shows what it is sent.

import xterm from "@xterm/headless";
import type { Terminal } from "@xterm/xterm";
import { beforeEach, describe, expect, it } from "vitest";
import { decodeClipboardWrite } from "../src/terminal/clipboard";
import { configureEmulator, EMULATOR_OPTIONS, replacement } from "../src/terminal/emulator";
import { cellsThatFit, fontThatFits, scrollToShow, sizeToCreate, zoomedFont, zoomStep } from "../src/terminal/fit";
import { watchModeChanges } from "../src/terminal/queries";

const ESC = "\x1b";

const QUERIES: Record<string, string> = {
  DA1: `${ESC}[c`,
  "DA1 with parameter": `${ESC}[0c`,
  DA2: `${ESC}[>c`,
  DA3: `${ESC}[=c`,
  "DSR status": `${ESC}[5n`,
  "DSR cursor position": `${ESC}[6n`,
  "DECXCPR": `${ESC}[?6n`,
  "colour scheme": `${ESC}[?996n`,
  DECRQM: `${ESC}[?2026$p`,
  "DECRQM of an ANSI mode": `${ESC}[4$p`,
  "DECRQSS of SGR": `${ESC}P$qm${ESC}\\`,
  "DECRQSS of the scroll region": `${ESC}P$qr${ESC}\\`,
  XTGETTCAP: `${ESC}P+q544e${ESC}\\`,
  XTVERSION: `${ESC}[>q`,
  "kitty keyboard": `${ESC}[?u`,
  "window size in pixels": `${ESC}[14t`,
  "cell size": `${ESC}[16t`,
  "size in cells": `${ESC}[18t`,
  title: `${ESC}[21t`,
  "palette colour": `${ESC}]4;1;?${ESC}\\`,
  "several palette colours": `${ESC}]4;1;?;2;?\x07`,
  foreground: `${ESC}]10;?\x07`,
  background: `${ESC}]11;?${ESC}\\`,
  cursor: `${ESC}]12;?\x07`,
  "foreground and background": `${ESC}]10;?;?\x07`,
  clipboard: `${ESC}]52;c;?\x07`,
  "terminal parameters": `${ESC}[x`,
  ENQ: "\x05",
};

let terminal: Terminal;
let answers: string[];
let copied: string[];

beforeEach(() => {
  terminal = new xterm.Terminal({
    ...EMULATOR_OPTIONS,
    windowOptions: { getWinSizeChars: true, getWinSizePixels: true, getCellSizePixels: true, getWinTitle: true },
  }) as unknown as Terminal;
  answers = [];
  copied = [];
  terminal.onData((text) => answers.push(text));
  configureEmulator(terminal, { clipboard: (text) => copied.push(text) });
});

const write = (text: string): Promise<void> => new Promise((resolve) => terminal.write(text, resolve));
const line = (y: number): string => terminal.buffer.active.getLine(y)?.translateToString(true) ?? "";

describe("queries", () => {
  for (const [name, query] of Object.entries(QUERIES)) {
    it(`are not answered: ${name}`, async () => {
      await write(`before${query}after`);
      expect(answers).toEqual([]);
      expect(line(0)).toBe("beforeafter");
    });
  }

  it("would be answered without the handlers, so that these tests mean something", async () => {
    const bare = new xterm.Terminal({ allowProposedApi: true });
    const heard: string[] = [];
    bare.onData((text) => heard.push(text));
    await new Promise<void>((resolve) => bare.write(`${ESC}[c${ESC}[6n${ESC}[?2026$p${ESC}P$qm${ESC}\\`, resolve));
    expect(heard).toHaveLength(4);
  });
});

describe("focus reports", () => {
  it("that are caused by output are told apart from those of the user", async () => {
    const causedByOutput = watchModeChanges(terminal);
    let during: boolean | null = null;
    terminal.parser.registerOscHandler(777, () => {
      during = causedByOutput();
      return true;
    });
    await write(`${ESC}[?1004h${ESC}]777;\x07`);
    expect(during).toBe(true);
    await Promise.resolve();
    expect(causedByOutput()).toBe(false);
    expect(terminal.modes.sendFocusMode).toBe(true);
  });
});

describe("widths", () => {
  /** Runs of widths as a snapshot has them: `[characters, width]`. */
  const table = (join: string, runs: [number, number][]): string => {
    const bytes: number[] = [];
    for (const [length, width] of runs) {
      let number = length * 4 + width;
      for (; number >= 0x80; number = Math.floor(number / 0x80)) bytes.push((number % 0x80) | 0x80);
      bytes.push(number);
    }
    return `${ESC}]7117;${join};${btoa(String.fromCharCode(...bytes))}${ESC}\\`;
  };
  /** Combining marks at U+0300, emoji from U+1F000 on. */
  const runs: [number, number][] = [[0x300, 1], [0x70, 0], [0x200d - 0x370, 1], [1, 0], [0xfe0f - 0x200e, 1], [1, 0], [0x1f000 - 0xfe10, 1], [0x1000, 2], [0xf0000, 1]];
  const column = async (join: string, text: string): Promise<number> => {
    await write(`${ESC}[2J${ESC}[H${table(join, runs)}${text}`);
    return terminal.buffer.active.cursorX;
  };
  const coder = "\u{1f469}\u200d\u{1f4bb}";

  it("are those of the owner", async () => {
    expect(await column("joiner", coder)).toBe(2);
    expect(await column("clusters", coder)).toBe(2);
    expect(await column("zero-width", coder)).toBe(4);
    expect(await column("joiner", "\u{1f44d}\u{1f3fd}")).toBe(4);
    expect(await column("clusters", "\u{1f44d}\u{1f3fd}")).toBe(2);
    expect(await column("joiner", "\u2764\ufe0f")).toBe(1);
    expect(await column("clusters", "\u2764\ufe0f")).toBe(2);
  });

  it("are the same where a colour changes within a character", async () => {
    expect(await column("clusters", `e${ESC}[31m\u0301x`)).toBe(2);
    // The dialect's filter writes a joiner together with what it joins.
    expect(await column("joiner", `\u{1f469}${ESC}[31m\u200d\u{1f4bb}x`)).toBe(3);
  });

  it("stay as they were when a table cannot be read", async () => {
    await write(table("joiner", runs));
    await write(`${ESC}]7117;joiner;***${ESC}\\${ESC}]7117;other;AA==${ESC}\\${coder}`);
    expect(terminal.buffer.active.cursorX).toBe(2);
  });
});

describe("a snapshot", () => {
  it("takes back every mode that the output before it has set", async () => {
    await write(`text${ESC}[20h${ESC}[4h${ESC}[5;10r${ESC}[?6h${ESC}[?7l${ESC}]0;cut off`);
    await new Promise<void>((resolve) => terminal.write(replacement(new TextEncoder().encode("one\ntwo")), resolve));
    expect([0, 1].map(line)).toEqual(["one", "   two"]);
    expect(terminal.modes).toEqual({ ...new xterm.Terminal({ allowProposedApi: true }).modes });
  });
});

describe("the alternate screen", () => {
  const printed = (): string[] => [0, 1, 2, 3].map(line);

  it("is left only where it is shown: nothing that was printed is written over", async () => {
    for (const mode of ["?47", "?1047", "?1049", "?1047;1049"]) {
      terminal.reset();
      await write(`${ESC}[Hone\r\ntwo\r\n${ESC}[${mode}lthree\r\n`);
      expect(printed(), mode).toEqual(["one", "two", "three", ""]);
      await write(`${ESC}c`);
    }
  });

  it("gives back what was there and where the cursor was, once", async () => {
    await write(`one\r\n${ESC}[?1049h${ESC}[Hall of it${ESC}[?1049ltwo\r\n${ESC}[?1047l${ESC}[?47lthree`);
    expect(printed()).toEqual(["one", "two", "three", ""]);
    expect(terminal.buffer.active.type).toBe("normal");
  });

  it("forgets a saved cursor when the terminal is reset", async () => {
    await write(`one\r\n${ESC}[?1049h${ESC}[?1049l${ESC}cone\r\ntwo\r\n${ESC}[?1049lthree`);
    expect(printed()).toEqual(["one", "two", "three", ""]);
  });

  it("does not keep other modes from being reset along with it", async () => {
    await write(`${ESC}[?2004h${ESC}[?1049;2004l`);
    expect(terminal.modes.bracketedPasteMode).toBe(false);
  });

  it("would move the cursor without the handlers, so that these tests mean something", async () => {
    const bare = new xterm.Terminal({ allowProposedApi: true });
    await new Promise<void>((resolve) => bare.write(`one\r\n${ESC}[?1049ltwo`, resolve));
    expect(bare.buffer.active.getLine(0)?.translateToString(true)).toBe("two");
  });
});

describe("the clipboard", () => {
  it("can be written by programs", async () => {
    await write(`${ESC}]52;c;${btoa("hello")}\x07`);
    expect(copied).toEqual(["hello"]);
  });

  it("takes UTF-8, and nothing that is not base64 of it", () => {
    expect(decodeClipboardWrite("c;w7Y=")).toBe("ö");
    for (const bad of ["c;?", "c;", "c", "c;***", "c;/w=="]) expect(decodeClipboardWrite(bad), bad).toBeNull();
    expect(decodeClipboardWrite(`c;${"A".repeat(2_000_000)}`)).toBeNull();
  });
});

describe("fitting", () => {
  it("counts whole cells", () => {
    expect(cellsThatFit({ width: 805, height: 329 }, { width: 8, height: 16 })).toEqual({ cols: 100, rows: 20 });
  });

  it("never asks for a terminal that is too small to use, or for one of a hidden page", () => {
    expect(cellsThatFit({ width: 30, height: 10 }, { width: 8, height: 16 })).toEqual({ cols: 20, rows: 5 });
    expect(cellsThatFit({ width: 0, height: 0 }, { width: 8, height: 16 })).toBeNull();
    expect(cellsThatFit({ width: 800, height: 400 }, { width: Number.NaN, height: 16 })).toBeNull();
  });

  it("makes letters smaller until everything is visible, and never larger than normal", () => {
    const cell = { width: 8, height: 16 };
    expect(fontThatFits({ width: 400, height: 1000 }, { cols: 100, rows: 30 }, cell, 13, 13)).toBe(6.5);
    expect(fontThatFits({ width: 4000, height: 4000 }, { cols: 10, rows: 10 }, cell, 13, 13)).toBe(13);
    expect(fontThatFits({ width: 0, height: 0 }, { cols: 10, rows: 10 }, cell, 13, 13)).toBe(13);
  });
});

describe("a terminal that does not fit", () => {
  it("is shown whole, unless its letters could not be read", () => {
    expect(zoomedFont(5, null, 0, 13)).toBe(5);
    expect(zoomedFont(5, null, 11, 13)).toBe(11);
    expect(zoomedFont(12, null, 11, 13)).toBe(12);
    expect(zoomedFont(5, null, 11, 9)).toBe(9);
    expect(zoomedFont(5, 2, 11, 13)).toBe(10);
  });

  it("is scrolled only as far as it takes to see the cursor, with the beginning of the line if that is possible", () => {
    expect(scrollToShow(50, 60, 20, 100)).toBe(20);
    expect(scrollToShow(50, 60, 80, 100)).toBe(0);
    expect(scrollToShow(150, 160, 0, 100)).toBe(60);
  });
});

describe("zooming", () => {
  it("never goes below what shows everything, nor without end, and stops exactly there", () => {
    expect(zoomStep(1.2, 1 / 1.25)).toBe(1);
    expect(zoomStep(1.26, 1 / 1.25)).toBe(1);
    expect(zoomStep(2, 1.25)).toBe(2.5);
    expect(zoomStep(5, 2)).toBe(6);
  });
});

describe("a terminal that is yet to be created", () => {
  it("has the size that fits below the header and above the footer", () => {
    expect(sizeToCreate({ width: 1152, height: 900 }, { width: 7.826, height: 15 })).toEqual({ cols: 144, rows: 54 });
    expect(sizeToCreate({ width: 0, height: 0 }, { width: 7.8, height: 15 })).toBeNull();
  });
});
