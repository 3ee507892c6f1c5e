// The machines of the mesh: what the tree shows of them, and their state in words. Pure.

import type { Agent, NodeInfo } from "../protocol/types";
import { formatAge, formatLatency, plural } from "./format";
import { compareNames, pathLevels, type Level } from "./tree";

export type Grouping = "category" | "machine";

/** The levels above an agent: those of its name, with its machine first if that is how they are grouped. */
export function levelsBy(grouping: Grouping, nodes: readonly NodeInfo[]): (agent: Agent) => readonly Level[] {
  if (grouping === "category" || nodes.length < 2) return pathLevels;
  const names = machineNames(nodes);
  const own = nodes.find(({ self }) => self)?.id;
  return (agent) => [
    { key: `@${agent.node}`, label: machineName(names, agent.node), node: agent.node, first: agent.node === own },
    ...pathLevels(agent),
  ];
}

/** What each machine is called, by its id: by its name if that is unique, else with its short id behind it. */
export function machineNames(nodes: readonly NodeInfo[]): ReadonlyMap<string, string> {
  const times = new Map<string, number>();
  for (const { name } of nodes) times.set(name.toLowerCase(), (times.get(name.toLowerCase()) ?? 0) + 1);
  return new Map(nodes.map(({ id, name, short }) => [id, times.get(name.toLowerCase()) === 1 ? name : `${name}·${short}`]));
}

/** One of `machineNames`; of a machine that is not known, the beginning of its id. */
export function machineName(names: ReadonlyMap<string, string>, id: string): string {
  return names.get(id) ?? id.slice(0, 7);
}

/** The order of machines everywhere: this one first, the others by name. */
export function machinesInOrder(nodes: readonly NodeInfo[]): NodeInfo[] {
  return [...nodes].sort((a, b) => Number(b.self) - Number(a.self) || compareNames(a.name, b.name) || compareNames(a.id, b.id));
}

/** The place of each machine in that order. */
export function machineRanks(nodes: readonly NodeInfo[]): ReadonlyMap<string, number> {
  return new Map(machinesInOrder(nodes).map(({ id }, index) => [id, index]));
}

/** How long a machine has been as it is; `heardAt`: when the node said so. */
function since(node: NodeInfo, heardAt: number, now: number): string {
  return formatAge(Math.max(0, now - heardAt) + node.since_ms);
}

/** For a row in the tree; empty for a machine that is well. */
export function troubleOf(node: NodeInfo, heardAt: number, now: number): string {
  if (node.reachable) return "";
  if (node.incompatible) return "other version";
  const age = since(node, heardAt, now);
  return age === "now" ? "just now" : `for ${age}`;
}

/** Why nothing can be created on a machine from here; empty if it can. `self`: the machine that is asked. */
export function whyNotThere(node: NodeInfo, self: NodeInfo | null, heardAt: number, now: number): string {
  if (node.self) return "";
  if (!node.reachable && node.incompatible) return "incompatible version of Consort";
  if (!node.reachable) {
    const age = since(node, heardAt, now);
    return age === "now" ? "just became unreachable" : `unreachable for ${age}`;
  }
  return self?.rights === "view" ? "view only from here" : "";
}

/** State of a machine in one line. */
export function machineSentence(
  node: NodeInfo,
  nodes: ReadonlyMap<string, NodeInfo>,
  names: ReadonlyMap<string, string>,
  heardAt: number,
  now: number,
): string {
  if (node.self) return node.removed ? "This machine, removed from the others" : "This machine";
  if (!node.reachable && node.incompatible) {
    const own = [...nodes.values()].find(({ self }) => self);
    const newer = (node.protocol?.[0] ?? 0) > (own?.protocol?.[1] ?? 0);
    return `Its version is incompatible with this machine's: update Consort on ${newer ? "this machine" : (names.get(node.id) ?? node.name)}`;
  }
  if (!node.reachable) {
    const age = since(node, heardAt, now);
    return age === "now" ? "Just became unreachable" : `Unreachable for ${age}`;
  }
  const direct = node.via === null || node.via === node.id;
  const way = direct ? "Connected directly" : `Connected through ${machineName(names, node.via!)}`;
  const far = node.hops > 2 ? `, ${plural(node.hops, "link")} away` : "";
  return node.latency_ms === null ? way + far : `${way}${far}, ${formatLatency(node.latency_ms)}`;
}
