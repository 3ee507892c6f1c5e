// Several machines in one tree, and how each is said to be.

import { describe, expect, it } from "vitest";
import { levelsBy, machineNames, machineRanks, machineSentence, troubleOf, whyNotThere } from "../src/model/machines";
import { formatRoute, MACHINES, parseRoute } from "../src/model/route";
import { Store } from "../src/model/store";
import { ancestorIds, buildRows } from "../src/model/tree";
import type { NodeInfo } from "../src/protocol/types";
import { agentNamed } from "./agents";

function machine(name: string, extra: Partial<NodeInfo> = {}): NodeInfo {
  return {
    id: `id-${name}`, short: name.slice(0, 7), name, version: "0.1.0", self: false, reachable: true, backends: {}, home: "", since_ms: 0,
    member: true, removed: false, rights: "operate", addresses: [], via: null, hops: 1, address: null, latency_ms: null, protocol: [1, 1], incompatible: false, conflict: false,
    ...extra,
  };
}

const NODES = [machine("laptop", { self: true }), machine("server")];
const AGENTS = [
  agentNamed("customers-zoom-api", { node: "id-laptop" }),
  agentNamed("customers-zoom-web", { id: "web@id-server", node: "id-server" }),
  agentNamed("solo", { node: "id-server" }),
];

const labels = (grouping: "category" | "machine", nodes = NODES): string[] =>
  buildRows(AGENTS, { folded: new Set(), levelsOf: levelsBy(grouping, nodes) }).map((row) =>
    "  ".repeat(row.depth) + (row.kind === "group" ? row.labels : [...row.lead, row.agent.leaf]).join(" › "),
  );

describe("the tree", () => {
  it("mixes machines by category, or keeps them apart", () => {
    expect(labels("category")).toEqual(["customers › zoom", "  api", "  web", "solo"]);
    expect(labels("machine")).toEqual([
      "laptop", "  customers › zoom › api",
      "server", "  customers › zoom › web", "  solo",
    ]);
  });

  it("has no machines where there is only one", () => {
    expect(labels("machine", NODES.slice(0, 1))).toEqual(labels("category"));
  });

  it("keeps the colours of categories and the levels of names under machines", () => {
    const more = agentNamed("customers-zoom-x", { node: "id-laptop" });
    const rows = buildRows([...AGENTS, more], { folded: new Set(), levelsOf: levelsBy("machine", NODES) });
    const groups = rows.flatMap((row) => (row.kind === "group" ? [[row.labels.join(" › "), row.category, row.path.join("-"), row.node] as const] : []));
    expect(groups.slice(0, 2)).toEqual([
      ["laptop", null, "", "id-laptop"],
      ["customers › zoom", "customers", "customers-zoom", null],
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(ancestorIds(AGENTS[1]!, levelsBy("machine", NODES))).toEqual(["/@id-server", "/@id-server/customers", "/@id-server/customers/zoom"]);
  });

  it("tells machines of the same name apart by their short ids", () => {
    const twins = [...NODES, machine("srv", { id: "1", short: "aaa" }), machine("SRV", { id: "2", short: "bbb" })];
    expect([...machineNames(twins).values()]).toEqual(["laptop", "server", "srv·aaa", "SRV·bbb"]);
    const agents = [agentNamed("x", { node: "1" }), agentNamed("y", { node: "2" })];
    const rows = buildRows(agents, { folded: new Set(), levelsOf: levelsBy("machine", twins) });
    expect(rows.flatMap((row) => (row.kind === "group" ? [row.labels.join(" › ")] : []))).toEqual(["srv·aaa", "SRV·bbb"]);
  });

  it("has this machine first and the others by name, also among agents of the same name", () => {
    const nodes = [machine("b"), machine("a"), machine("z", { self: true })];
    const agents = ["b", "z", "a"].map((name, index) => agentNamed("web", { id: `${index}`, node: `id-${name}` }));
    const order = (grouping: "category" | "machine"): string[] =>
      buildRows(agents, { folded: new Set(), levelsOf: levelsBy(grouping, nodes), ranks: machineRanks(nodes) })
        .flatMap((row) => (row.kind === "agent" ? [row.agent.node] : []));
    expect(order("category")).toEqual(["id-z", "id-a", "id-b"]);
    expect(order("machine")).toEqual(["id-z", "id-a", "id-b"]);
  });

  it("names a machine that is not known by the beginning of its id", () => {
    const rows = buildRows([agentNamed("a", { node: "abcdefghijkl" })], { folded: new Set(), levelsOf: levelsBy("machine", NODES) });
    expect(rows[0]).toMatchObject({ kind: "group", labels: ["abcdefg"] });
  });
});

describe("waiting", () => {
  it("means those that can be answered", () => {
    const store = new Store((run) => run());
    store.apply({ t: "nodes", all: [NODES[0]!, machine("server", { reachable: false })] });
    store.apply({ t: "agents", all: [agentNamed("a", { kind: "waiting", node: "id-server" }), agentNamed("b", { kind: "waiting", node: "id-laptop" })] });
    expect(store.waiting.value.map(({ name }) => name)).toEqual(["b"]);
    expect(store.lastKnownWaiting.value.map(({ name }) => name)).toEqual(["a"]);
    expect(store.away.value.map(({ name }) => name)).toEqual(["server"]);
  });
});

describe("a machine", () => {
  const known = new Map(NODES.map((node) => [node.id, node]));
  const say = (node: NodeInfo, heardAt = 0, now = 0): string => machineSentence(node, known, machineNames(NODES), heardAt, now);

  it("says how it is reached", () => {
    expect(say(NODES[0]!)).toBe("This machine");
    expect(say(machine("a", { via: "id-a", latency_ms: 12.3 }))).toBe("Connected directly, 12 ms");
    expect(say(machine("a", { via: "id-server", hops: 2 }))).toBe("Connected through server");
    expect(say(machine("a", { via: "nobody-known", hops: 3 }))).toBe("Connected through nobody-, 3 links away");
  });

  it("says since when it cannot be reached, and that grows older here", () => {
    const away = machine("a", { reachable: false, since_ms: 60_000 });
    expect(say(away, 1_000, 1_000)).toBe("Unreachable for 1 min");
    const foreign = { ...away, incompatible: true };
    expect(say({ ...foreign, protocol: [2, 3] })).toContain("update Consort on this machine");
    expect(say({ ...foreign, protocol: [0, 0] })).toContain(`update Consort on ${away.name}`);
    expect(troubleOf(away, 1_000, 181_000)).toBe("for 4 min");
    expect(troubleOf(machine("a", { reachable: false }), 0, 0)).toBe("just now");
    expect(troubleOf(machine("a"), 0, 0)).toBe("");
  });
});

describe("the address of the page of machines", () => {
  it("is a place of its own", () => {
    expect(parseRoute("#/machines")).toEqual(MACHINES);
    expect(formatRoute(MACHINES)).toBe("#/machines");
  });
});

describe("creating an agent on a machine", () => {
  const self = machine("laptop", { self: true });

  it("is possible on this one, and on every one that can be reached", () => {
    expect(whyNotThere(self, self, 0, 0)).toBe("");
    expect(whyNotThere(machine("server"), self, 0, 0)).toBe("");
  });

  it("is not on one that is away, speaks another protocol, or may only be looked at; the reason is said", () => {
    const away = machine("server", { reachable: false, since_ms: 240_000 });
    expect(whyNotThere(away, self, 0, 0)).toBe("unreachable for 4 min");
    expect(whyNotThere({ ...away, incompatible: true }, self, 0, 0)).toBe("incompatible version of Consort");
    const onlooker = machine("laptop", { self: true, rights: "view" });
    expect(whyNotThere(machine("server"), onlooker, 0, 0)).toBe("view only from here");
    expect(whyNotThere(onlooker, onlooker, 0, 0)).toBe("");
  });

  it("is offered at every level of a machine's branch for that machine", () => {
    const agents = [...AGENTS, ...["laptop", "server"].map((name) => agentNamed("customers-x", { id: `x@${name}`, node: `id-${name}` }))];
    const rows = buildRows(agents, { folded: new Set(), levelsOf: levelsBy("machine", NODES) });
    const machines = rows.flatMap((row) => (row.kind === "group" ? [`${row.labels.join(" › ")} ${row.machine}`] : []));
    expect(machines).toEqual([
      "laptop id-laptop", "customers id-laptop", "server id-server", "customers id-server",
    ]);
    const mixed = buildRows(AGENTS, { folded: new Set(), levelsOf: levelsBy("category", NODES) });
    expect(mixed.every((row) => row.kind === "agent" || row.machine === null)).toBe(true);
  });
});
