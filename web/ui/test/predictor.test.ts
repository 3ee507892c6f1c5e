// Keys on a far terminal are shown before their echo comes, if that has proven to be right.

import xterm from "@xterm/headless";
import type { Terminal } from "@xterm/xterm";
import { beforeEach, describe, expect, it } from "vitest";
import { Predictor } from "../src/terminal/predictor";

let terminal: Terminal;
let predictor: Predictor;
let now: number;

beforeEach(() => {
  terminal = new xterm.Terminal({ allowProposedApi: true, cols: 20, rows: 5 }) as unknown as Terminal;
  predictor = new Predictor(terminal);
  now = 0;
});

const output = async (text: string): Promise<void> => {
  await new Promise<void>((done) => terminal.write(text, done));
  predictor.parsed(now);
};

/** Types keys one after the other, each of which is echoed after a while. */
const echoed = async (keys: string, ms = 200): Promise<void> => {
  for (const key of keys) {
    predictor.typed(key, now, true);
    now += ms;
    await output(key);
  }
};

const type = (keys: string): void => [...keys].forEach((key, index) => predictor.typed(key, now, index === 0));

describe("a key on a far terminal", () => {
  it("is shown at once when keys of the same line were echoed as expected", async () => {
    await output("$ ");
    await echoed("ls");
    type(" -la");
    expect(predictor.shown()).toEqual({ column: 4, row: 0, text: " -la" });
    await output(" -");
    expect(predictor.shown()).toEqual({ column: 6, row: 0, text: "la" });
    await output("la");
    expect(predictor.shown()).toBeNull();
  });

  it("is not shown before that", async () => {
    await output("$ ");
    type("ls");
    expect(predictor.shown()).toBeNull();
    now += 200;
    await output("ls");
    type("x");
    expect(predictor.shown()).not.toBeNull();
  });

  it("is not shown where echoes are quick", async () => {
    await echoed("ls", 10);
    type("x");
    expect(predictor.shown()).toBeNull();
  });

  it("has to be proven anew in each line, so that no password is shown", async () => {
    await output("$ ");
    await echoed("sudo");
    predictor.typed("\r", now, true);
    await output("\r\nPassword: ");
    type("secret");
    expect(predictor.shown()).toBeNull();
    now += 2_000;
    expect(predictor.expire(now)).toBe(true);
    predictor.typed("s", now, true);
    expect(predictor.shown()).toBeNull();
  });

  it("is taken back when the program shows something else", async () => {
    await echoed("ab");
    type("cd");
    await output("*");
    expect(predictor.shown()).toBeNull();
    type("e");
    expect(predictor.shown()).toBeNull();
  });

  it("is not guessed while something else is under way", async () => {
    await echoed("ab");
    predictor.typed("\x1b[D", now, true);
    predictor.typed("x", now, false);
    expect(predictor.shown()).toBeNull();
    await output("\x1b[D");
    type("y");
    expect(predictor.shown()).toEqual({ column: 1, row: 0, text: "y" });
  });

  it("is not guessed beyond the end of the line", async () => {
    await echoed("ab");
    type("c".repeat(30));
    expect(predictor.shown()?.text).toBe("c".repeat(17));
  });

  it("is given up when no echo comes", async () => {
    await echoed("ab");
    type("c");
    now += 999;
    expect(predictor.expire(now)).toBe(false);
    now += 1;
    expect(predictor.expire(now)).toBe(true);
    expect(predictor.shown()).toBeNull();
  });
});
