// States, origins, losses and tabs in words for people.

import { describe, expect, it } from "vitest";
import { agentTitle, isFound, stateSentence } from "../src/model/agents";
import { losses, runningPrograms } from "../src/model/losses";
import { directoryOf, tabLabel } from "../src/model/tabs";
import type { Agent, AgentState, TerminalInfo } from "../src/protocol/types";
import { agentNamed } from "./agents";

function terminal(extra: Partial<TerminalInfo> = {}): TerminalInfo {
  return { id: 1, title: "", command: "sh", cols: 80, rows: 24, left: 0, top: 0, index: 0, active: true, window: "0:sh", exit_code: null, ...extra };
}

function inState(state: Partial<AgentState>, extra: Partial<Agent> = {}): string {
  const agent = agentNamed("a", { ...extra, state: { kind: "idle", why: "", source: "none", age_ms: 0, ...state } });
  // Later than whatever the clock says while the sentence is made.
  return stateSentence(agent, Date.now() + 500);
}

describe("the state of an agent", () => {
  it("says what goes on and since when", () => {
    expect(inState({ kind: "working", why: "it prints", source: "output" })).toBe("Working, printed just now");
    expect(inState({ kind: "working", why: "it prints", source: "output", age_ms: 420_000 })).toBe("Working for 7 min");
    expect(inState({ kind: "working", why: "its title shows a spinner", source: "title" })).toBe("Working: its title shows a spinner");
    expect(inState({ kind: "waiting", why: "its screen says “proceed?”", source: "screen", age_ms: 120_000 })).toBe("Waiting for you for 2 min: “proceed?”");
    expect(inState({ kind: "idle", why: "it is quiet", source: "output", age_ms: 60_000 })).toBe("Idle for 1 min");
    expect(inState({ kind: "done", why: "it worked and has become quiet", source: "output", age_ms: 60_000 })).toBe("Done 1 min ago, not seen yet");
    expect(inState({ kind: "unknown", why: "not looked at yet" })).toBe("Not known yet");
  });

  it("says how it ended, and whose doing that was", () => {
    const exited = { kind: "exited", source: "process", age_ms: 300_000 } as const;
    expect(inState({ ...exited, why: "exited (3); a shell is open in its place" }, { terminals: [terminal({ exit_code: 3 })] })).toBe("Exited (3), 5 min ago");
    expect(inState({ ...exited, why: "stopped by you" }, { running: false, wanted: "stopped" })).toBe("Stopped by you, 5 min ago");
    expect(inState({ ...exited, why: "its session has ended" }, { running: false })).toBe("Stopped, 5 min ago: its session has ended");
    expect(inState({ ...exited, why: "it could not be started: no such directory" }, { running: false })).toBe("Could not be started, 5 min ago: no such directory");
  });
});

describe("where an agent comes from", () => {
  it("is what the node says, so that a note does not make a found session one of ours", () => {
    expect(isFound(agentNamed("a", { managed: true, origin: "found" }))).toBe(true);
    expect(isFound(agentNamed("a", { managed: false, origin: "created" }))).toBe(false);
  });

  it("is read from an older node as well as it can be", () => {
    expect(isFound(agentNamed("a", { managed: false }))).toBe(true);
    expect(isFound(agentNamed("a", { managed: true }))).toBe(false);
  });
});

describe("what is lost", () => {
  it("names each program once, and only those that run", () => {
    const terminals = [terminal({ command: "claude" }), terminal({ command: "claude" }), terminal({ command: "sh", exit_code: 0 })];
    expect(runningPrograms(agentNamed("a", { terminals }))).toEqual(["claude"]);
    expect(runningPrograms(agentNamed("a", { terminals, running: false }))).toEqual([]);
  });

  it("is said even when it is little", () => {
    expect(losses(agentNamed("a", { running: false }))).toEqual(["its name and settings; nothing is running"]);
    expect(losses(agentNamed("a", { running: false, notes: "two words" }))).toEqual(["your notes (2 words)"]);
  });
});

describe("tabs", () => {
  const all = [terminal({ id: 1, title: "editor" }), terminal({ id: 2, command: "top", index: 1 }), terminal({ id: 3, window: "1:logs", command: "logs" })];

  it("number the panes of a window that has several as tmux does", () => {
    expect(tabLabel(all, all[0]!)).toEqual({ window: "0:sh", pane: 0, text: "editor" });
    expect(tabLabel(all, all[1]!)).toEqual({ window: "0:sh", pane: 1, text: "top" });
  });

  it("do not repeat the name of the window", () => {
    expect(tabLabel(all, all[2]!)).toEqual({ window: "1:logs", pane: null, text: "" });
  });

  it("know a directory only where it is sure", () => {
    expect(directoryOf({ directory: "/a", terminals: all.slice(0, 1) }, 1)).toBe("/a");
    expect(directoryOf({ directory: "/a", terminals: all }, 2)).toBeNull();
    expect(directoryOf({ directory: "/a", terminals: [...all, terminal({ id: 4, directory: "/b" })] }, 4)).toBe("/b");
  });
});

describe("the title of an agent", () => {
  it("is left out where it is the name again", () => {
    expect(agentTitle(agentNamed("x-a", { terminals: [terminal({ title: "a" })] }))).toBe("");
    expect(agentTitle(agentNamed("x-a", { terminals: [terminal({ title: "Fix it" })] }))).toBe("Fix it");
  });
});
