// What is said about the hooks of an agent's program.

import { describe, expect, it } from "vitest";
import { hooksOf, withoutHooks } from "../src/model/hooks";
import type { Explanation } from "../src/net/api";

const signal = (source: "hook" | "screen", says: "working" | null, why: string): Explanation["signals"][number] => ({
  terminal: 1, source, says, why, age_ms: 1, decisive: false,
});
const of = (...signals: Explanation["signals"]): Explanation => ({ rules: "claude", signals });

describe("the hooks of a program", () => {
  it("are named with the command that installs what is missing", () => {
    const missing = of(signal("screen", "working", "busy"), signal("hook", null, "none are in /h/settings.json; for sessions from now on: consort hooks install claude"));
    expect(hooksOf(missing)).toEqual({ text: "None are in /h/settings.json; for sessions from now on", command: "consort hooks install claude" });
    expect(withoutHooks(missing)).toHaveLength(1);
  });

  it("have no command if nothing is missing", () => {
    const reports = of(signal("hook", "working", "Read: a.rs"), signal("hook", null, "it was started with --settings /s/hooks/claude/settings.json"));
    expect(hooksOf(reports)).toEqual({ text: "It was started with --settings /s/hooks/claude/settings.json", command: null });
    expect(withoutHooks(reports)).toHaveLength(1);
    expect(hooksOf(of(signal("screen", "working", "busy")))).toBeNull();
  });
});
