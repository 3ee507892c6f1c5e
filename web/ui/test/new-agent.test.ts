// Which programs the dialog for a new agent offers, and what it says of them.

import { describe, expect, test } from "vitest";
import { presetsFor, presetToBeginWith, programHint } from "../src/model/new-agent";

const program = (name: string, path: string | null, version: string | null = null) => ({ name, path, version, checking: false });
const known = { path: "/bin:/b", programs: [program("claude", "/b/claude", "2.1.0"), program("codex", null), program("qwen", "/b/qwen")] };

describe("programs for a new agent", () => {
  test("rare ones are offered where they are found, or once they are chosen", () => {
    const ids = (programs: typeof known.programs, chosen: string): string[] => presetsFor(programs, chosen).map(({ id }) => id);
    expect(ids([], "claude")).toEqual(["claude", "codex", "gemini", "aider", "shell", "custom"]);
    expect(ids(known.programs, "claude")).toEqual(["claude", "codex", "gemini", "aider", "qwen", "shell", "custom"]);
    expect(ids([], "goose")).toContain("goose");
  });

  test("the form begins with the last one, or with one that is there", () => {
    const programs = [program("claude", null), program("codex", "/b/codex"), program("qwen", "/b/qwen")];
    expect(presetToBeginWith(programs, "")).toBe("codex");
    expect(presetToBeginWith(programs, "claude")).toBe("claude");
    expect(presetToBeginWith([program("claude", null)], "no such")).toBe("claude");
  });

  test("below them stand version and place, or where they were looked for", () => {
    expect(programHint(known, "claude")).toBe("2.1.0, /b/claude");
    expect(programHint(known, "qwen")).toBe("/b/qwen");
    expect(programHint(known, "codex")).toBe("codex is not in the PATH of agents: /bin:/b");
    expect([programHint(known, "shell"), programHint(known, "custom"), programHint(null, "claude")]).toEqual(["", "", ""]);
  });
});
