// Links of terminals: which are opened at once, which are asked about, which are refused; and what is read around a link.

import xterm from "@xterm/headless";
import { describe, expect, it } from "vitest";
import { judgeLink } from "../src/model/links";
import { wordAround } from "../src/terminal/link-text";

const kind = (text: string, target: string): string => judgeLink(text, target).kind;

describe("a link is opened at once", () => {
  for (const [text, target] of [
    ["the docs", "https://docs.example/guide"],
    ["https://example.com/a", "https://example.com/a"],
    ["https://example.com/…/pull/5", "https://example.com/org/repo/pull/5"],
    ["example.com", "https://www.example.com/"],
    ["www.example.com.", "https://example.com/"],
    ["(https://example.com/a)", "https://example.com/a?b#c"],
    ["http://example.com", "https://example.com/"],
    ["README.md", "https://example.com/README.md"],
    ["src/main.rs:12", "https://example.com/main.rs"],
    ["v1.2.3", "https://example.com/releases"],
    ["#123, e.g. this.", "https://example.com/123"],
    ["localhost", "https://example.com/"],
    ["localhost:3000", "http://localhost:3000/"],
    ["bücher.example", "https://xn--bcher-kva.example/"],
    ["me@example.com", "mailto:me@example.com"],
    ["write to us", "mailto:me@example.com"],
    ["node.js", "https://nodejs.example/"],
  ] as const) {
    it(`${text} → ${target}`, () => expect(judgeLink(text, target)).toEqual({ kind: "open", url: new URL(target).href }));
  }
});

describe("a link is asked about", () => {
  for (const [text, target] of [
    ["https://bank.com/login", "https://evil.com/login"],
    ["bank.com", "https://evil.com/"],
    ["See bank.com, please", "https://evil.com/"],
    ["www.bank.rs", "https://evil.com/"],
    ["bank.com", "https://bank.com.evil.com/"],
    ["bank.com", "https://evil.com/bank.com"],
    ["https://bank.com", "http://bank.com/"],
    ["localhost:3000", "http://localhost:8000/"],
    ["localhost:3000", "https://evil.com/"],
    ["192.168.1.1", "http://192.168.1.2/"],
    ["bank.sh/install", "https://evil.com/install"],
    ["ba\u200bnk.com", "https://evil.com/"],
    ["\u202ebank.com", "https://evil.com/"],
    ["ｂａｎｋ.com", "https://evil.com/"],
    ["bаnk.com", "https://bank.com/"],
    ["BANK.COM", "https://evil.com/"],
    ["me@bank.com", "https://evil.com/"],
    ["me@bank.com", "mailto:me@evil.com"],
    ["bank.com", "mailto:me@evil.com"],
    ["click", "https://bank.com@evil.com/"],
    ["click", "https://bank.com:x@evil.com/"],
    ["https://bank.com@evil.com/", "https://bank.com@evil.com/"],
  ] as const) {
    it(`${text} → ${target}`, () => expect(kind(text, target)).toBe("ask"));
  }

  it("with what is shown and where it leads", () => {
    expect(judgeLink("see https://bank.com/a.", "https://evil.com/b")).toEqual({
      kind: "ask", url: "https://evil.com/b", host: "evil.com", shown: "https://bank.com/a",
    });
    expect(judgeLink("x", "https://bank.com@evil.com/")).toMatchObject({ host: "evil.com", shown: null });
  });
});

describe("a link is refused", () => {
  for (const target of [
    "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vscode://file/x", "ssh://host", "blob:https://x/1", "about:blank",
    "x-man-page://ls", "//example.com", "no address", "", "java\tscript:alert(1)", " \x01javascript:alert(1)", "view-source:https://a.example",
  ]) {
    it(JSON.stringify(target), () => expect(kind("text", target)).toBe("refuse"));
  }
});

describe("what a person reads where a link is", () => {
  async function around(output: string, start: [number, number], end: [number, number], cols = 20): Promise<string> {
    const terminal = new xterm.Terminal({ allowProposedApi: true, cols, rows: 6 });
    await new Promise<void>((done) => terminal.write(output, done));
    return wordAround(terminal.buffer.active, { start: { x: start[0], y: start[1] }, end: { x: end[0], y: end[1] } });
  }

  it("is the word that the link is a part of", async () => {
    expect(await around("a https://bank.com/ b", [11, 1], [14, 1], 40)).toBe("https://bank.com/");
    expect(await around("a link b", [3, 1], [6, 1])).toBe("link");
    expect(await around("two words", [1, 1], [9, 1])).toBe("two words");
  });

  it("goes on over the end of a row that wraps", async () => {
    expect(await around("see https://bank.com/", [1, 2], [3, 2], 10)).toBe("https://bank.com/");
    expect(await around("see https://bank.com/", [5, 1], [10, 1], 10)).toBe("https://bank.com/");
    expect(await around("see bank\r\n.com", [5, 1], [8, 1], 10)).toBe("bank");
  });

  it("has wide characters whole", async () => {
    expect(await around("x 日本bank.com", [7, 1], [10, 1])).toBe("日本bank.com");
  });
});
