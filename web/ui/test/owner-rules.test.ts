// The emulator's behaviour where it follows the owner of the terminal; the differential tests compare it with the owners themselves.

import xterm from "@xterm/headless";
import { afterEach, expect, test, vi } from "vitest";
import { configureEmulator, EMULATOR_OPTIONS, replacement, type Emulator } from "../src/terminal/emulator";

/** The rule of a tmux, with one column for each character. */
const FROM_TMUX = `\x1b]7117;joiner;${btoa(String.fromCharCode(0x81, 0x80, 0x90, 0x2))}\x1b\\`;

function emulator(cols = 10, rows = 4): InstanceType<typeof xterm.Terminal> {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, cols, rows });
  configureEmulator(terminal as unknown as Emulator, { clipboard: () => {} });
  return terminal;
}

const write = (terminal: InstanceType<typeof xterm.Terminal>, data: string | Uint8Array) =>
  new Promise<void>((done) => terminal.write(data, done));

function lines(terminal: InstanceType<typeof xterm.Terminal>): string[] {
  const { active } = terminal.buffer;
  return Array.from({ length: active.length }, (_, at) => active.getLine(at)?.translateToString(true) ?? "");
}

afterEach(() => vi.restoreAllMocks());

test("erasing up to the last column of the last row does not stop the terminal", async () => {
  const errors = vi.spyOn(console, "error");
  const terminal = emulator(3, 2);
  await write(terminal, "abc\r\ndef\x1b[1J");
  await write(terminal, "\x1b[Hx");
  expect(lines(terminal)).toEqual(["x", ""]);
  expect(errors).not.toHaveBeenCalled();
});

test("an error in a handler does not stop the terminal", async () => {
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const terminal = emulator();
  terminal.parser.registerCsiHandler({ final: "y" }, () => {
    throw new Error("broken");
  });
  await write(terminal, "a\x1b[y");
  await write(terminal, "b");
  expect(lines(terminal)[0]).toBe("ab");
  expect(errors).toHaveBeenCalledOnce();
});

test("inserting and deleting lines leaves the cursor in its column", async () => {
  const terminal = emulator();
  await write(terminal, "abc\x1b[Ld\x1b[Me");
  expect(lines(terminal)[0]).toBe("abc e");
});

test("lines that are scrolled out are in the history", async () => {
  const terminal = emulator();
  await write(terminal, `${FROM_TMUX}a\r\nb\r\nc\r\nd\x1b[2S`);
  expect(lines(terminal)).toEqual(["a", "b", "c", "d", "", ""]);
  await write(terminal, "\x1b[2;3r\x1b[3;1H\n");
  expect(lines(terminal)).toEqual(["a", "b", "d", "c", "", "", ""]);
});

test("a reset keeps the history of a tmux, and a snapshot replaces it", async () => {
  const terminal = emulator();
  await write(terminal, `${FROM_TMUX}a\r\nb\x1bcx`);
  expect(lines(terminal)).toEqual(["a", "b", "x", "", "", ""]);
  await write(terminal, replacement(new TextEncoder().encode("new")));
  expect(lines(terminal)).toEqual(["new", "", "", ""]);
});

test("erasing the screen erases beyond the scrolling region", async () => {
  const terminal = emulator();
  await write(terminal, "a\r\nb\x1b[2;3r\x1b[2J");
  expect(lines(terminal).slice(-4)).toEqual(["", "", "", ""]);
});
