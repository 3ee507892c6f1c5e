// Names, command lines, paths, filters and formats: what the user types and reads.

import { describe, expect, it } from "vitest";
import { matchingEntries, readDirectoryInput } from "../src/model/directory-input";
import { filterWords, fuzzyMatch, markedSpan, matchesFilter } from "../src/model/filter";
import { formatAge, formatBytes, plural, shortPath } from "../src/model/format";
import { isUnfinished, nameProblem, namesakes, namesakeWarning, placeOf, siblingPrefix } from "../src/model/names";
import { toRequest, withEmptyRow, type AgentForm } from "../src/model/new-agent";
import { formatRoute, parseRoute, tokenInHash } from "../src/model/route";
import { rankAgents } from "../src/model/quick-switch";
import { isRecentList, lookedAt } from "../src/model/recent";
import { questionIn } from "../src/model/question";
import { lastLines } from "../src/model/screen-text";
import { joinShellWords, splitShellWords } from "../src/model/shell-words";
import { agentNamed } from "./agents";

describe("names", () => {
  it("warn where another machine has the same", () => {
    const agents = [agentNamed("a", { id: "1", node: "x" }), agentNamed("a", { id: "2", node: "y" }), agentNamed("b", { id: "3", node: "y" })];
    expect(namesakes(agents, "a", "x").map(({ id }) => id)).toEqual(["2"]);
    expect(namesakes(agents, "a", "x", "2")).toEqual([]);
    expect(namesakeWarning("a", [])).toBe("");
    expect(namesakeWarning("a", ["desk", "server", "nas"])).toMatch(/on desk, server and nas\..*a@desk/);
  });

  it("read level1-level2-agent", () => {
    expect(placeOf("solo")).toEqual({ path: [], leaf: "solo" });
    expect(placeOf("a-b")).toEqual({ path: ["a"], leaf: "b" });
    expect(placeOf("a-b-c-d")).toEqual({ path: ["a", "b"], leaf: "c-d" });
  });

  it("refuse what tmux would change, and say what to do", () => {
    for (const bad of ["a.b", "a:b", "a b", "-a", "a--b", "a/b", "a'b", "x".repeat(101), "a-\u0301b"]) expect(nameProblem(bad), bad).not.toBeNull();
    for (const good of ["a", "a-b", "a_b-C9", "größe-1", "हिन्दी-काम", "ที่นี่"]) expect(nameProblem(good), good).toBeNull();
  });

  it("are not wrong while they are unfinished", () => {
    expect(isUnfinished("")).toBe(true);
    expect(isUnfinished("customers-")).toBe(true);
    expect(isUnfinished("customers--")).toBe(false);
  });

  it("suggest the group of a sibling", () => {
    expect(siblingPrefix(["customers", "zoom"])).toBe("customers-zoom-");
    expect(siblingPrefix([])).toBe("");
  });
});

describe("command lines", () => {
  it("are split as a shell does with quotes", () => {
    expect(splitShellWords(`a  "b c" 'd "e"' f\\ g h"i"'j' ""`)).toEqual({ words: ["a", "b c", 'd "e"', "f g", "hij", ""] });
    expect(splitShellWords('"a \\"b\\" \\n"')).toEqual({ words: ['a "b" \\n'] });
    expect(splitShellWords("$HOME `x` *")).toEqual({ words: ["$HOME", "`x`", "*"] });
    expect(splitShellWords("  ")).toEqual({ words: [] });
  });

  it("say which quote is open", () => {
    expect(splitShellWords("a 'b")).toEqual({ problem: "A ' is not closed." });
    expect(splitShellWords('a "b')).toEqual({ problem: 'A " is not closed.' });
    expect(splitShellWords("a \\")).toHaveProperty("problem");
  });

  it("come back from joining as they were", () => {
    for (const words of [["a b", "", "it's", '"', "\\", "plain", "\ttab"], ["-c", "echo $X"]]) {
      expect(splitShellWords(joinShellWords(words))).toEqual({ words });
    }
  });
});

describe("the form for a new agent", () => {
  const FORM: AgentForm = {
    name: "a-b", node: "", directory: " ~/src ", preset: "claude", commandLine: "--continue 'x y'", env: [{ id: 1, key: "", value: "" }],
    backend: "tmux", autostart: true, notes: "",
  };

  it("becomes a request with an argument vector, never a shell line", () => {
    expect(toRequest(FORM)).toEqual({
      name: "a-b", directory: "~/src", program: "claude", args: ["--continue", "x y"], backend: "tmux", autostart: true, notes: "",
    });
  });

  it("names the machine if it is not the one that is asked", () => {
    expect(toRequest(FORM)).not.toHaveProperty("node");
    expect(toRequest({ ...FORM, node: "id-server" })).toMatchObject({ node: "id-server" });
  });

  it("names no program for the user's shell", () => {
    expect(toRequest({ ...FORM, preset: "shell" })).not.toHaveProperty("program");
  });

  it("takes program and arguments of a custom command from one line", () => {
    expect(toRequest({ ...FORM, preset: "custom", commandLine: "my-agent --flag" })).toMatchObject({ program: "my-agent", args: ["--flag"] });
    expect(toRequest({ ...FORM, preset: "custom", commandLine: " " })).toMatchObject({ field: "commandLine" });
  });

  it("says which field is wrong", () => {
    expect(toRequest({ ...FORM, name: "" })).toMatchObject({ field: "name" });
    expect(toRequest({ ...FORM, commandLine: "'" })).toMatchObject({ field: "commandLine" });
    expect(toRequest({ ...FORM, env: [{ id: 1, key: "1X", value: "" }] })).toMatchObject({ field: "env" });
    expect(withEmptyRow([])).toEqual([{ id: 1, key: "", value: "" }]);
    expect(withEmptyRow([{ id: 2, key: "", value: "x" }]).map(({ id }) => id)).toEqual([2, 3]);
    expect(toRequest({ ...FORM, env: [{ id: 1, key: "K", value: "v=1" }] })).toMatchObject({ env: { K: "v=1" } });
  });
});

describe("filter", () => {
  const agent = agentNamed("customers-zoom-backend", {
    kind: "waiting", directory: "/home/me/Zoom", tags: ["urgent"],
    terminals: [{ id: 1, title: "Fix the Build", command: "node", cols: 80, rows: 24, left: 0, top: 0, index: 0, active: true, window: "1:zsh", exit_code: null }],
  });

  it("finds all words in any of name, title, directory, tag and state", () => {
    for (const query of ["zoom back", "BUILD", "/home/me/zoom", "urgent", "waiting node", ""]) {
      expect(matchesFilter(agent, filterWords(query)), query).toBe(true);
    }
    expect(matchesFilter(agent, filterWords("zoom idle"))).toBe(false);
  });
});

describe("fuzzy matching", () => {
  const score = (text: string, query: string): number => fuzzyMatch(text, query)?.score ?? -Infinity;

  it("needs all letters in order", () => {
    expect(fuzzyMatch("customers-zoom", "czm")).not.toBeNull();
    expect(fuzzyMatch("customers-zoom", "zc")).toBeNull();
  });

  it("prefers beginnings of segments and runs of letters", () => {
    expect(score("customers-zoom-backend", "czb")).toBeGreaterThan(score("academic-buzzb", "czb"));
    expect(score("a-backend", "back")).toBeGreaterThan(score("b-a-c-k", "back"));
  });

  it("says which letters matched", () => {
    expect(fuzzyMatch("internal-parser", "intpa")?.at).toEqual([0, 1, 2, 9, 10]);
  });
});

describe("directories", () => {
  it("are listed from the last complete part of what is typed", () => {
    expect(readDirectoryInput("~/src/zo")).toEqual({ parent: "~/src", prefix: "zo" });
    expect(readDirectoryInput("/")).toEqual({ parent: "/", prefix: "" });
    expect(readDirectoryInput("/et")).toEqual({ parent: "/", prefix: "et" });
    expect(readDirectoryInput("")).toEqual({ parent: "~", prefix: "" });
    expect(readDirectoryInput("~")).toEqual({ parent: "~", prefix: "" });
    expect(readDirectoryInput("sr")).toEqual({ parent: "~", prefix: "sr" });
  });

  it("that are hidden show when a dot is typed", () => {
    const entries = [".git", "src", "Srv"].map((name) => ({ name, path: `/${name}`, git: false }));
    expect(matchingEntries(entries, "s").map(({ name }) => name)).toEqual(["src", "Srv"]);
    expect(matchingEntries(entries, "").map(({ name }) => name)).toEqual(["src", "Srv"]);
    expect(matchingEntries(entries, ".").map(({ name }) => name)).toEqual([".git"]);
  });
});

describe("addresses", () => {
  it("lead to an agent and a terminal and back", () => {
    for (const route of [{ agent: "abc", terminal: null }, { agent: "a/b ?", terminal: 3 }, { agent: null, terminal: null }]) {
      expect(parseRoute(formatRoute(route))).toEqual(route);
    }
  });

  it("that make no sense lead to the start page", () => {
    for (const hash of ["", "#", "#/x", "#/agent/", "#/agent/%E0%A4%A", "#/agent/a/b"]) expect(parseRoute(hash).agent).toBeNull();
  });

  it("carry the login token", () => {
    expect(tokenInHash("#token=abc%2B")).toBe("abc+");
    expect(tokenInHash("#/token=abc")).toBe("abc");
    expect(tokenInHash("#token=")).toBeNull();
    expect(tokenInHash("#/agent/token")).toBeNull();
  });
});

describe("formats", () => {
  it("are short", () => {
    expect([0, 42_000, 300_000, 7_200_000, 172_800_000].map(formatAge)).toEqual(["now", "42 s", "5 min", "2 h", "2 d"]);
    expect([10, 2048, 3 * 1024 * 1024].map(formatBytes)).toEqual(["10 B", "2 KiB", "3.0 MiB"]);
    expect([plural(1, "word"), plural(2, "word")]).toEqual(["1 word", "2 words"]);
  });

  it("show the home directory as ~ and nothing else", () => {
    expect(shortPath("/home/me/src", "/home/me")).toBe("~/src");
    expect(shortPath("/home/me", "/home/me")).toBe("~");
    expect(shortPath("/home/melissa", "/home/me")).toBe("/home/melissa");
    expect(shortPath("/etc", "")).toBe("/etc");
  });
});

describe("what the filter found is marked", () => {
  const marked = (label: string, query: string, before = "", after = ""): string => {
    const span = markedSpan(label, filterWords(query), before, after);
    return span === null ? "" : label.slice(span.from, span.to);
  };

  it("in the label of a row", () => {
    expect(marked("backend", "ack")).toBe("ack");
    expect(marked("backend", "x")).toBe("");
  });

  it("also where a word reaches over several levels", () => {
    expect(marked("customers", "s-zoom-ba", "", "-")).toBe("s");
    expect(marked("zoom", "s-zoom-ba", "customers-", "-")).toBe("zoom");
    expect(marked("backend", "s-zoom-ba", "customers-zoom-")).toBe("ba");
  });

  it("but not where only the beginning of the word happens to be", () => {
    expect(marked("zoo", "zoom", "", "-")).toBe("");
    expect(marked("backend", "zoom", "customers-zoom-")).toBe("");
  });
});

describe("the quick switch", () => {
  const agents = ["a", "b", "c", "d"].map((name) => agentNamed(name, name === "d" ? { kind: "waiting" } : {}));
  const names = (query: string, recent: string[], current: string | null): string[] =>
    rankAgents(agents, query, recent, current).map(({ agent }) => agent.name);

  it("begins with where one was last, without where one is", () => {
    expect(names("", ["c", "b", "a"], "c")).toEqual(["b", "a", "d"]);
  });

  it("puts those first that wait, among those that were never looked at", () => {
    expect(names("", [], null)).toEqual(["d", "a", "b", "c"]);
  });

  it("finds the one on the screen by its letters", () => {
    expect(names("c", ["c"], "c")).toEqual(["c"]);
  });
});

describe("recent agents", () => {
  it("are remembered once each, newest first, with the name they have now", () => {
    let list = lookedAt([], { id: "1", name: "a" });
    list = lookedAt(list, { id: "2", name: "b" });
    list = lookedAt(list, { id: "1", name: "renamed" });
    expect(list).toEqual([{ id: "1", name: "renamed" }, { id: "2", name: "b" }]);
    expect(lookedAt(list, { id: "1", name: "renamed" })).toBe(list);
  });

  it("are read from storage only if they are what was stored", () => {
    expect(isRecentList([{ id: "1", name: "a" }])).toBe(true);
    for (const bad of [null, "x", [1], [null], [{ id: "1" }]]) expect(isRecentList(bad)).toBe(false);
  });
});

describe("the end of a screen", () => {
  it("leaves out empty lines, frames and common indentation", () => {
    const screen = "old\n  ╭──────╮\n\n  Proceed?\n  ❯ 1. Yes\n    2. No   \n\n";
    expect(lastLines(screen, 3)).toBe("Proceed?\n❯ 1. Yes\n  2. No");
    expect(lastLines("\n\n", 3)).toBe("");
  });
});

describe("the question on a screen", () => {
  const shown = (text: string, why = "", screen = text): string[] => {
    const { lines, shown: from } = questionIn(text, screen, why);
    return lines.slice(from);
  };
  const boxed = (lines: readonly string[]): string => {
    const edge = "─".repeat(42);
    return [`╭${edge}╮`, ...lines.map((line) => `│ ${line.padEnd(40)} │`), `╰${edge}╯`].join("\n");
  };

  it("is all that its frame holds, however long, without the frame", () => {
    const diff = Array.from({ length: 30 }, (_, at) => `${at + 1} + line ${at + 1}`);
    const text = `● I will edit it.\n\n${boxed(["Edit file", "", ...diff, "", "Do you want to make this edit?", "❯ 1. Yes", "  2. No"])}\n  ? for shortcuts\n\n`;
    const all = shown(text, "“Do you want to make this edit?”");
    expect(all.slice(0, 3)).toEqual(["Edit file", "", "1 + line 1"]);
    expect(all.slice(-4)).toEqual(["Do you want to make this edit?", "❯ 1. Yes", "  2. No", "  ? for shortcuts"]);
    expect(all).toHaveLength(2 + 30 + 1 + 4);
  });

  it("begins at the outermost of several frames", () => {
    const inner = ["╭────────────╮", "│ - old      │", "│ + new      │", "╰────────────╯"];
    expect(shown(`before\n${boxed(["src/a.rs", ...inner, "Proceed?"])}`, "“Proceed?”")).toEqual(["src/a.rs", "- old", "+ new", "Proceed?"]);
  });

  it("keeps the title of a frame", () => {
    expect(shown("x\n┌─ Bash ─────────────────┐\n│ rm -rf build           │\n│ Allow? (y/n)           │\n└────────────────────────┘", "“Allow? (y/n)”")).toEqual(["Bash", "rm -rf build", "Allow? (y/n)"]);
  });

  it("begins below a line across the screen, also if that has scrolled away, but not above the question", () => {
    const rule = "─".repeat(80);
    const text = `old\n${rule}\n Bash command\n\n   cargo test\n\n Do you want to proceed?\n ❯ 1. Yes\n`;
    const expected = ["Bash command", "", "  cargo test", "", "Do you want to proceed?", "❯ 1. Yes"];
    expect(shown(text, "“Do you want to proceed?”")).toEqual(expected);
    expect(shown(text, "“Do you want to proceed?”", " ❯ 1. Yes\n")).toEqual(expected);
    expect(shown(`${text}${rule}\n > \n${rule}\n`, "“Do you want to proceed?”")[0]).toBe("Bash command");
  });

  it("without a frame is the end of what can be seen, and begins nobody knows where", () => {
    const text = `${Array.from({ length: 40 }, (_, at) => `line ${at}`).join("\n")}\nGo on? (y/n) \n\n`;
    const screen = text.split("\n").slice(-24).join("\n");
    const question = questionIn(text, screen, "“Go on? (y/n)”");
    expect(question.lines.slice(question.shown)).toHaveLength(16);
    expect(question.lines).toHaveLength(41);
    expect(question.lines[question.start]).toBe("line 19");
    expect(question.framed).toBe(false);
    expect(questionIn(boxed(["Go on? (y/n)"]), "", "“Go on? (y/n)”").framed).toBe(true);
    expect(question.lines.at(-1)).toBe("Go on? (y/n)");
  });

  it("loses the right edge that a narrow terminal has broken off, and keeps pipes of commands", () => {
    expect(shown("╭──────────\n──╮\n│ cat a | sort |\n  │\n│ ls │ x    │\n╰─────────╯")).toEqual(["cat a | sort |", "", "ls │ x"]);
  });

  it("has whole lines where the terminal had room for a part of them only", () => {
    const asked = "Delete /srv/backups/2026-11-30 and everything below it, also on the other machine?";
    const wrapped = `${"─".repeat(30)}\n${asked.slice(0, 30)}\n${asked.slice(30, 60)}\n${asked.slice(60)} (y/n)\n  indented`;
    const of = (text: string, cols: number): readonly string[] => questionIn(text, text, "", cols).lines;
    expect(of(wrapped, 30)).toEqual([`${asked} (y/n)`, "  indented"]);
    expect(of(wrapped, 0)).toHaveLength(4);
    expect(of(wrapped, 40), "they were written as they are").toHaveLength(4);
    expect(of("長い質問をするターミナル\nの行", 24)).toEqual(["長い質問をするターミナルの行"]);
    // A line that began in what was printed before is shown whole.
    const screen = wrapped.split("\n").slice(2).join("\n");
    const question = questionIn(wrapped.slice(31), screen, "", 30);
    expect(question.lines[question.shown]).toBe(`${asked} (y/n)`);
  });

  it("is nothing on an empty screen", () => {
    expect(questionIn("\n\n", "", "").lines).toEqual([]);
  });
});
