// Answering on the start page: what a question takes, and a list that holds still.

import { describe, expect, it } from "vitest";
import { answersTo } from "../src/model/quick-answers";
import { EMPTY_LIST, HOLD_MS, steady, type SteadyList } from "../src/model/steady-list";

const typed = (why: string, screen: string): string[] => answersTo(why, screen).map(({ text }) => text);
const KEYS = ["y", "n", "1", "2", "\r"];
const LINES = ["y\r", "n\r", "\r"];

describe("the answers to a question", () => {
  it("are lines where the question is the last line: nobody reads a line without Enter", () => {
    expect(typed("“Go on? (y/n)”", "building\nGo on? (y/n) \n\n")).toEqual(LINES);
    expect(typed("“Overwrite 'a very long n…”", "Overwrite 'a very long name'? [y/N]")).toEqual(LINES);
    expect(typed("“Go on? (y/n)”", "Go on? (y/n) y")).toEqual(LINES);
  });

  it("are keys in menus, for any key, and as long as the screen is not known", () => {
    expect(typed("“Do you want to proceed?”", "│ Do you want to proceed? │\n│ ❯ 1. Yes │\n│   2. No │\n╰────╯")).toEqual(KEYS);
    expect(typed("“Press any key to continue...”", "Press any key to continue...")).toEqual(KEYS);
    expect(typed("“Go on? (y/n)”", "")).toEqual(KEYS);
    expect(typed("it rang the bell", "Go on? (y/n)")).toEqual(KEYS);
  });

  it("are none if a secret is asked for", () => {
    expect(typed("“[sudo] password for me:”", "[sudo] password for me:")).toEqual([]);
  });

  it("say what they type", () => {
    for (const { label, text } of [...answersTo("“a?”", "a?"), ...answersTo("", "")]) {
      expect(label.replace("Enter", "\r").replaceAll(" ", "")).toBe(text);
    }
  });
});

describe("a list under a pointer", () => {
  const start = (ids: string[]): SteadyList => steady(EMPTY_LIST, ids, 0, false, 10_000);

  it("follows what is wanted while nobody uses it", () => {
    expect(steady(start(["a", "b"]), ["b", "a", "c"], 0, false, 10_100).ids).toEqual(["b", "a", "c"]);
  });

  it("keeps what goes away in its place for a moment, and what is new comes last", () => {
    const held = steady(start(["a", "b"]), ["c", "b"], 0, false, 10_100);
    expect(held).toMatchObject({ ids: ["a", "b", "c"], held: true });
    const still = steady(held, ["c", "b"], 0, false, 10_100 + HOLD_MS - 1);
    expect(still.ids).toEqual(["a", "b", "c"]);
    expect(steady(still, ["c", "b"], 0, false, 10_100 + HOLD_MS)).toEqual({ ids: ["c", "b"], left: new Map(), held: false });
  });

  it("holds after an answer, also if the same is asked again at once", () => {
    const answered = steady(start(["a", "b"]), ["b"], 10_050, false, 10_060);
    expect(steady(answered, ["b", "a"], 10_050, false, 10_050 + HOLD_MS - 1).ids).toEqual(["a", "b"]);
    expect(steady(answered, ["b", "a"], 10_050, false, 10_050 + HOLD_MS).ids).toEqual(["b", "a"]);
  });

  it("holds as long as a pointer is over it", () => {
    const held = steady(start(["a", "b"]), ["b"], 0, true, 10_100);
    expect(steady(held, ["b"], 0, true, 99_000).ids).toEqual(["a", "b"]);
    expect(steady(held, ["b"], 0, false, 99_000).ids).toEqual(["b"]);
  });
});
