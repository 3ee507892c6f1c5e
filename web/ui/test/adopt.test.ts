// What runs in a session that is adopted, as a line to change.

import { describe, expect, it } from "vitest";
import { processIn, processLine } from "../src/model/adopt";

describe("the line of a process", () => {
  it("is read back as it was written", () => {
    for (const words of [["claude", "--continue"], ["sh", "-c", "echo 'it''s' \"$HOME\"; sleep 9"], ["/opt/my tool", ""]]) {
      const [program, ...args] = words as [string, ...string[]];
      const process = { program, args, directory: "/srv" };
      expect(processIn(processLine(process), "/srv")).toEqual(process);
    }
  });

  it("is empty for a shell", () => {
    expect(processLine({ program: null, args: [], directory: "/" })).toBe("");
    expect(processIn("  ", "/")).toEqual({ program: null, args: [], directory: "/" });
  });

  it("that is not understood is refused where it is wrong", () => {
    expect(processIn("sh -c 'x", "/")).toMatchObject({ field: "command" });
    expect(processIn("''", "/")).toMatchObject({ field: "command" });
    expect(processIn("sh", "srv")).toMatchObject({ field: "directory" });
  });
});
