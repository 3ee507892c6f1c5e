// The palette, links by name, selection, and acts for several agents.

import { describe, expect, it } from "vitest";
import { planFor, tagsIn } from "../src/model/bulk";
import { paletteEntries } from "../src/model/palette";
import { agentsMeant, agentUrl, parseRoute } from "../src/model/route";
import { extended, NOTHING_SELECTED, toggled } from "../src/model/selection";
import { buildRows } from "../src/model/tree";
import type { NodeInfo } from "../src/protocol/types";
import { agentNamed } from "./agents";

describe("the palette", () => {
  const agents = [agentNamed("infra-stop"), agentNamed("web")];
  const commands = [{ id: "stop", label: "Stop: web" }, { id: "new", label: "New agent" }];
  const listed = (query: string, current: string | null = null): string[] =>
    paletteEntries(query, agents, commands, [], current).map((entry) => (entry.kind === "agent" ? entry.agent.name : entry.command.id));

  it("has agents, then commands", () => {
    expect(listed("")).toEqual(["infra-stop", "web", "stop", "new"]);
    expect(listed("", "web")).toEqual(["infra-stop", "stop", "new"]);
  });

  it("mixes both by what matches best", () => {
    expect(listed("stop")).toEqual(["stop", "infra-stop"]);
    expect(listed("web")).toEqual(["web", "stop"]);
    expect(listed("xyz")).toEqual([]);
  });

  it("has only commands behind >", () => {
    expect(listed(">")).toEqual(["stop", "new"]);
    expect(listed("> stop")).toEqual(["stop"]);
  });
});

describe("links", () => {
  const node = (id: string, name: string, self = false): NodeInfo => ({ id, name, short: id.slice(0, 2), self }) as NodeInfo;
  const nodes = [node("n1", "desk", true), node("n2", "Server")];
  const list = [
    agentNamed("web", { id: "1", node: "n1" }), agentNamed("web", { id: "2@n2", node: "n2" }), agentNamed("api", { id: "3@n2", node: "n2" }),
  ];
  const agents = new Map(list.map((agent) => [agent.id, agent]));
  const meant = (hash: string): string[] => agentsMeant(parseRoute(hash), agents, nodes).map(({ id }) => id);

  it("mean an agent by its id, its name, or its name and machine", () => {
    expect(meant("#/agent/1")).toEqual(["1"]);
    expect(meant("#/agent/api")).toEqual(["3@n2"]);
    expect(meant("#/agent/API@server")).toEqual(["3@n2"]);
    expect(meant("#/agent/web%40server/7")).toEqual(["2@n2"]);
    expect(meant("#/agent/web@n2")).toEqual(["2@n2"]);
  });

  it("are ambiguous or lead nowhere, and say so", () => {
    expect(meant("#/agent/web")).toEqual(["1", "2@n2"]);
    expect(meant("#/agent/api@desk")).toEqual([]);
    expect(meant("#/agent/nobody")).toEqual([]);
    expect(meant("#/")).toEqual([]);
  });

  it("with an id survive a new name, also on the dashboard of another machine", () => {
    expect(meant("#/agent/old-name?id=1")).toEqual(["1"]);
    expect(meant("#/agent/old-name@server?id=3")).toEqual(["3@n2"]);
    expect(meant("#/agent/api?id=gone")).toEqual(["3@n2"]);
    expect(agentUrl("http://h:1/p/#/machines", list[1]!, "web@Server")).toBe("http://h:1/p/#/agent/web@Server?id=2%40n2");
    expect(parseRoute("#/agent/web@Server?id=2%40n2")).toEqual({ agent: "web@Server", terminal: null, id: "2@n2" });
  });
});

describe("the selection", () => {
  const rows = buildRows(["a-1", "a-2", "b-1", "b-2", "c"].map((name) => agentNamed(name)), { folded: new Set() });

  it("takes agents in and out", () => {
    const one = toggled(NOTHING_SELECTED, ["a-1"]);
    expect([...toggled(one, ["a-2"]).ids]).toEqual(["a-1", "a-2"]);
    expect([...toggled(one, ["a-1"]).ids]).toEqual([]);
    expect([...toggled(one, ["a-1", "a-2"]).ids]).toEqual(["a-1", "a-2"]);
  });

  it("reaches from its anchor to where it is extended, over groups", () => {
    const anchored = toggled(NOTHING_SELECTED, ["a-2"]);
    expect([...extended(anchored, rows, "b-1", null).ids]).toEqual(["a-2", "b-1"]);
    expect([...extended(anchored, rows, "a-1", null).ids]).toEqual(["a-1", "a-2"]);
    expect([...extended(NOTHING_SELECTED, rows, "b-2", "b-1").ids]).toEqual(["b-1", "b-2"]);
    expect(extended(NOTHING_SELECTED, rows, "c", "gone")).toEqual({ ids: new Set(["c"]), anchor: "c" });
  });
});

describe("an act for several", () => {
  it("leaves out what it cannot do, and says why", () => {
    expect(planFor("start", agentNamed("a"), "")).toMatchObject({ skipped: "runs already" });
    expect(planFor("start", agentNamed("a", { running: false }), "")).toMatchObject({ effect: "starts", skipped: "" });
    expect(planFor("stop", agentNamed("a", { running: false }), "")).toMatchObject({ skipped: "is not running" });
    expect(planFor("stop", agentNamed("a", { origin: "found" }), "").skipped).toMatch(/found in tmux/);
    expect(planFor("tag", agentNamed("a", { tags: ["x"] }), "")).toMatchObject({ effect: "has #x" });
    for (const verb of ["start", "stop", "tag", "send"] as const) expect(planFor(verb, agentNamed("a"), "away").skipped).toBe("away");
  });

  it("sends nothing to who waits for an answer, unless somebody chooses to", () => {
    expect(planFor("send", agentNamed("a", { kind: "waiting" }), "")).toMatchObject({ choosable: true });
    expect(planFor("send", agentNamed("a", { kind: "waiting" }), "").skipped).not.toBe("");
    expect(planFor("send", agentNamed("a", { kind: "waiting" }), "away").choosable).toBe(false);
    expect(planFor("send", agentNamed("a", { kind: "working" }), "")).toMatchObject({ queued: true, skipped: "" });
    expect(planFor("send", agentNamed("a", { kind: "idle" }), "")).toMatchObject({ queued: false, effect: "gets the text" });
    expect(planFor("send", agentNamed("a"), "")).toMatchObject({ skipped: "", choosable: false });
  });

  it("reads tags as people write them", () => {
    expect(tagsIn(" #urgent, review urgent,, ")).toEqual(["urgent", "review"]);
  });
});
