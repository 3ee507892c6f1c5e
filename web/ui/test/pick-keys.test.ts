// Digits on the start page: what each picks, where one goes on, and what a menu on the screen says about choices.

import { describe, expect, it } from "vitest";
import { identityOf, markOf, neighbour, nextToAnswer, pickKeys, takesSeveral } from "../src/model/pick-keys";
import { menuOf, questionIn } from "../src/model/question";

const choices = (...keys: string[]) => keys.map((key) => ({ key, label: `does ${key}` }));

describe("the digits of a question", () => {
  it("are the program's own where it has some", () => {
    expect(pickKeys({ choices: choices("1", "2", "3"), free_text: false })).toEqual({ choices: ["1", "2", "3"], text: "" });
    expect(pickKeys({ choices: choices("2", "1"), free_text: false }).choices).toEqual(["2", "1"]);
  });

  it("are what is left for other choices and for words", () => {
    expect(pickKeys({ choices: choices("y", "n"), free_text: true })).toEqual({ choices: ["1", "2"], text: "3" });
    expect(pickKeys({ choices: choices("esc", "1"), free_text: false }).choices).toEqual(["2", "1"]);
  });

  it("end at nine", () => {
    const keys = pickKeys({ choices: choices(..."abcdefghijk"), free_text: true });
    expect(keys.choices.slice(8)).toEqual(["9", "", ""]);
    expect(keys.text).toBe("");
  });
});

describe("moving between cards", () => {
  it("stops at both ends", () => {
    expect(neighbour(["a", "b"], "b", 1)).toBe("b");
    expect(neighbour(["a", "b"], "b", -1)).toBe("a");
    expect(neighbour(["a", "b"], null, 1)).toBe("a");
    expect(neighbour([], "gone", 1)).toBe(null);
  });

  it("goes on after an answer to the next one that waits, around the end", () => {
    expect(nextToAnswer(["a", "b", "c"], (each) => each !== "b", "a")).toBe("c");
    expect(nextToAnswer(["a", "b", "c"], () => true, "c")).toBe("a");
    expect(nextToAnswer(["a"], () => true, "a")).toBe(null);
  });
});

describe("a menu on the screen", () => {
  const screen = "────────────────────────\nWhich database?\n\n❯ 1. PostgreSQL\n     Mature, with JSON\n     and search\n  2. SQLite\n  3. Type something.\n\nEnter to select";
  const asked = questionIn(screen, screen, "“Which database?”");
  const labels = ["PostgreSQL", "SQLite", "Type something."];
  const menu = labels.map((label, at) => ({ key: String(at + 1), label }));

  it("is found with the words below its choices", () => {
    const { begin, descriptions } = menuOf(asked, menu);
    expect(asked.lines.slice(asked.start, begin).join("\n").trim()).toBe("Which database?");
    expect(descriptions).toEqual(["Mature, with JSON and search", "", ""]);
  });

  it("stays on the card if a choice is not found", () => {
    expect(menuOf(asked, [...menu, { key: "4", label: "More" }]).begin).toBe(asked.lines.length);
    expect(menuOf(asked, []).begin).toBe(asked.lines.length);
  });
});

describe("a question that takes several choices", () => {
  const asks = (id: string, ...labels: string[]) => ({
    id, terminal: 1, kind: "question" as const, text: "Which checks?", detail: "", free_text: false,
    choices: labels.map((label, at) => ({ key: String(at + 1), label })),
  });

  it("is known by the marks of its choices", () => {
    expect(takesSeveral(asks("a", "[ ] Unit tests", "[✔] Benchmarks", "Chat"))).toBe(true);
    expect(takesSeveral(asks("a", "Yes", "[brackets] No"))).toBe(false);
    expect(markOf("[✔] Benchmarks")).toEqual({ words: "Benchmarks", marked: true });
    expect(markOf("[ ] Benchmarks")).toEqual({ words: "Benchmarks", marked: false });
    expect(markOf("Chat")).toEqual({ words: "Chat", marked: null });
  });

  it("is the same one whatever is marked", () => {
    expect(identityOf(asks("a", "[ ] x", "[ ] y"))).toBe(identityOf(asks("b", "[✔] x", "[ ] y")));
    expect(identityOf(asks("a", "x", "y"))).not.toBe(identityOf(asks("b", "x", "y")));
  });
});
