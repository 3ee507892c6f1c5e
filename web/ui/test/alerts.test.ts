// Notifications: what is news, when it is over, and of what one wants to know.

import { describe, expect, it } from "vitest";
import { AlertTracker, alertWords, isAlertSettings, isWanted, NO_ALERTS, withMuted } from "../src/model/alerts";
import type { Agent, StateKind } from "../src/protocol/types";
import { agentNamed as anAgent } from "./agents";

const agent = (kind: StateKind, question: string | null = null, name = "customers-zoom-web"): Agent => {
  const made = anAgent(name);
  const asked = question === null ? null : { id: question, terminal: 1, kind: "question" as const, text: `asks ${question}`, detail: "about this", choices: [], free_text: true };
  return { ...made, id: "1", state: { ...made.state, kind, question: asked } };
};

/** Kinds that began, and how many ended, step by step. */
function follow(...steps: Agent[][]): string[] {
  const tracker = new AlertTracker();
  return steps.map((agents) => {
    const { began, ended } = tracker.update(agents, () => true);
    return [...began.map(({ kind }) => `+${kind}`), ...ended.map(({ kind }) => `-${kind}`)].join(" ");
  });
}

describe("alerts", () => {
  it("begin with a state and end with it", () => {
    expect(follow([agent("working")], [agent("waiting", "a")], [agent("waiting", "a")], [agent("working")], [agent("done")], [])).toEqual(["", "+waiting", "", "-waiting", "+done", "-done"]);
  });

  it("are one for each question, also if it is known late or shows again", () => {
    expect(follow([agent("waiting")], [agent("waiting", "a")], [agent("waiting", "b")])).toEqual(["+waiting", "", "+waiting -waiting"]);
    expect(follow([agent("waiting", "a")], [agent("working")], [agent("waiting", "a")], [agent("working")])).toEqual(["+waiting", "-waiting", "", "-waiting"]);
    expect(follow([agent("waiting")], [agent("waiting", "a")], [agent("working")], [agent("waiting", "a")])[3]).toBe("");
  });

  it("are withdrawn when a machine cannot be reached", () => {
    const tracker = new AlertTracker();
    const [alert] = tracker.update([agent("failed")], () => true).began;
    expect(tracker.isCurrent(alert!)).toBe(true);
    expect(tracker.update([agent("failed")], () => false).ended).toEqual([alert]);
    expect(tracker.isCurrent(alert!)).toBe(false);
  });

  it("are wanted by kind and by the name of a group", () => {
    const on = { ...NO_ALERTS, on: true };
    expect(isWanted(NO_ALERTS, "waiting", agent("waiting"))).toBe(false);
    expect(isWanted(on, "waiting", agent("waiting"))).toBe(true);
    expect(isWanted({ ...on, kinds: ["failed"] }, "waiting", agent("waiting"))).toBe(false);
    for (const quiet of ["customers", "customers-zoom", "customers-zoom-web"]) expect(isWanted(withMuted(on, quiet, true), "waiting", agent("waiting"))).toBe(false);
    for (const other of ["customers-zoo", "custom", "web"]) expect(isWanted(withMuted(on, other, true), "waiting", agent("waiting"))).toBe(true);
    expect(withMuted(withMuted(on, "a", true), "a", false)).toEqual(on);
  });

  it("name the agent and the question, within bounds", () => {
    expect(alertWords(agent("waiting", "a"), "waiting", "web@server")).toEqual({ title: "web@server waits for you", body: "asks a\nabout this" });
    expect(alertWords(agent("waiting", "x".repeat(500)), "waiting", "web").body.length).toBe(240);
  });

  it("have settings that may be damaged", () => {
    expect(isAlertSettings(NO_ALERTS)).toBe(true);
    for (const bad of [null, 1, {}, { ...NO_ALERTS, muted: [1] }, { ...NO_ALERTS, kinds: "waiting" }]) expect(isAlertSettings(bad)).toBe(false);
  });
});
