// The tree is a function of the names, and the keyboard walks it as the ARIA tree pattern asks.

import { describe, expect, it } from "vitest";
import { ancestorIds, buildRows, groupIds, type Row } from "../src/model/tree";
import { treeMove } from "../src/model/tree-keys";
import { agentNamed } from "./agents";

const NONE: ReadonlySet<string> = new Set();

function draw(rows: readonly Row[]): string[] {
  return rows.map((row) => {
    const indent = "  ".repeat(row.depth);
    return row.kind === "agent" ? indent + [...row.lead, row.agent.leaf].join(" › ") : `${indent}${row.folded ? "+" : "-"} ${row.labels.join(" › ")} ${row.count}`;
  });
}

const AGENTS = ["customers-zoom-backend", "customers-zoom-backend2", "customers-docs", "internal-ci-a-b", "scratch"].map((name) =>
  agentNamed(name),
);

describe("building", () => {
  it("puts groups before agents, and ungrouped agents last", () => {
    expect(draw(buildRows(AGENTS, { folded: NONE }))).toEqual([
      "- customers 3",
      "  - zoom 2",
      "    backend",
      "    backend2",
      "  docs",
      "internal › ci › a-b",
      "scratch",
    ]);
  });

  it("gives a level with a single child no row of its own", () => {
    const agents = ["a-b-1", "a-b-2", "c-d", "e-f-3", "e-g-4"].map((name) => agentNamed(name));
    expect(draw(buildRows(agents, { folded: NONE }))).toEqual(["- a › b 2", "  1", "  2", "c › d", "- e 2", "  f › 3", "  g › 4"]);
  });

  it("folds a shared row if any of its levels is folded", () => {
    const agents = ["a-b-1", "a-b-2"].map((name) => agentNamed(name));
    for (const id of ["/a", "/a/b"]) expect(draw(buildRows(agents, { folded: new Set([id]) }))).toEqual(["+ a › b 2"]);
    expect(buildRows(agents, { folded: NONE })[0]).toMatchObject({ id: "/a/b", chain: ["/a", "/a/b"], path: ["a", "b"] });
  });

  it("leaves a machine its own row, however little is on it", () => {
    const levelsOf = (): { key: string; label: string; node: string }[] => [{ key: "@n", label: "laptop", node: "n" }];
    expect(draw(buildRows([agentNamed("a-b-1")], { folded: NONE, levelsOf }))).toEqual(["- laptop 1", "  1"]);
  });

  it("knows every group, also those that share a row", () => {
    expect(groupIds(AGENTS)).toEqual(["/customers", "/customers/zoom", "/internal", "/internal/ci"]);
  });

  it("does not depend on the order in which agents arrive", () => {
    expect(draw(buildRows([...AGENTS].reverse(), { folded: NONE }))).toEqual(draw(buildRows(AGENTS, { folded: NONE })));
  });

  it("sorts numbers as people do", () => {
    const agents = ["a-10", "a-9", "a-1"].map((name) => agentNamed(name));
    expect(draw(buildRows(agents, { folded: NONE })).slice(1)).toEqual(["  1", "  9", "  10"]);
  });

  it("hides what is folded but counts it", () => {
    expect(draw(buildRows(AGENTS, { folded: new Set(["/customers"]) }))[0]).toBe("+ customers 3");
    expect(draw(buildRows(AGENTS, { folded: new Set(["/customers"]) }))).toHaveLength(3);
  });

  it("shows everything that matches while a filter is active", () => {
    expect(draw(buildRows(AGENTS, { folded: new Set(["/customers"]), unfoldAll: true }))).toHaveLength(7);
  });

  it("counts who waits in every group above", () => {
    const rows = buildRows([agentNamed("a-b-c", { kind: "waiting" }), agentNamed("a-b-e"), agentNamed("a-d")], { folded: NONE });
    expect(rows.filter((row) => row.kind === "group").map((row) => row.states.waiting)).toEqual([1, 1]);
  });

  it("tells the same names in different groups apart", () => {
    const ids = buildRows([agentNamed("a-x-1"), agentNamed("b-x-1")], { folded: NONE }).map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("says position and number of siblings for screen readers", () => {
    const rows = buildRows(AGENTS, { folded: NONE });
    expect(rows[0]).toMatchObject({ position: 1, siblings: 3 });
    expect(rows.at(-1)).toMatchObject({ position: 3, siblings: 3 });
  });

  it("takes a level for machines in front when there is one", () => {
    const rows = buildRows(AGENTS, {
      folded: NONE,
      levelsOf: (agent) => [{ key: "n1", label: "laptop" }, ...agent.path.map((key) => ({ key, label: key }))],
    });
    expect(draw(rows).slice(0, 2)).toEqual(["- laptop 5", "  - customers 3"]);
  });

  it("knows the groups above an agent", () => {
    expect(ancestorIds(AGENTS[0]!)).toEqual(["/customers", "/customers/zoom"]);
    expect(ancestorIds(AGENTS[4]!)).toEqual([]);
  });

  it("builds 2000 agents fast enough for every keystroke", () => {
    const agents = Array.from({ length: 2000 }, (_, index) => agentNamed(`c${index % 20}-p${index % 200}-agent${index}`));
    const start = performance.now();
    buildRows(agents, { folded: NONE });
    expect(performance.now() - start).toBeLessThan(200);
  });
});

describe("keys", () => {
  const rows = buildRows([...AGENTS, agentNamed("internal-x")], { folded: new Set(["/internal"]) });
  const at = (label: string): number => rows.findIndex((row) => (row.kind === "agent" ? row.agent.leaf : row.labels.join(" › ")) === label);
  const press = (from: string, key: string): ReturnType<typeof treeMove> => treeMove(rows, at(from), key, 5);

  it("moves up and down and stops at the ends", () => {
    expect(press("zoom", "ArrowDown")).toEqual({ do: "focus", index: at("backend") });
    expect(press("zoom", "ArrowUp")).toEqual({ do: "focus", index: at("customers") });
    expect(press("customers", "ArrowUp")).toBeNull();
    expect(press("scratch", "ArrowDown")).toBeNull();
  });

  it("jumps to both ends and by pages", () => {
    expect(press("zoom", "End")).toEqual({ do: "focus", index: rows.length - 1 });
    expect(press("zoom", "Home")).toEqual({ do: "focus", index: 0 });
    expect(press("customers", "PageDown")).toEqual({ do: "focus", index: 5 });
  });

  it("unfolds with right, then enters the group", () => {
    expect(press("internal", "ArrowRight")).toEqual({ do: "unfold", groups: ["/internal"] });
    expect(press("customers", "ArrowRight")).toEqual({ do: "focus", index: at("zoom") });
    expect(press("backend", "ArrowRight")).toBeNull();
  });

  it("folds with left, or goes to the parent", () => {
    expect(press("zoom", "ArrowLeft")).toEqual({ do: "fold", group: "/customers/zoom" });
    expect(press("backend", "ArrowLeft")).toEqual({ do: "focus", index: at("zoom") });
    expect(press("docs", "ArrowLeft")).toEqual({ do: "focus", index: at("customers") });
    expect(press("scratch", "ArrowLeft")).toBeNull();
  });

  it("opens agents and toggles groups with enter", () => {
    expect(press("backend", "Enter")).toEqual({ do: "open", agent: "customers-zoom-backend" });
    expect(press("zoom", "Enter")).toEqual({ do: "fold", group: "/customers/zoom" });
  });

  it("leaves other keys alone", () => {
    expect(press("zoom", "x")).toBeNull();
    expect(treeMove([], 0, "ArrowDown", 5)).toBeNull();
  });
});
