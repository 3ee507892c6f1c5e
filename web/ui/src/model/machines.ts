// The machines of the mesh: what the tree shows of them, and their state in words. Pure.

import type { Agent, NodeInfo } from "../protocol/types";
import { formatAge, formatLatency, plural } from "./format";
import { pathLevels, type Level } from "./tree";

export type Grouping = "category" | "machine";

/** The levels above an agent: those of its name, with its machine first if that is how they are grouped. */
export function levelsBy(grouping: Grouping, nodes: readonly NodeInfo[]): (agent: Agent) => readonly Level[] {
  if (grouping === "category" || nodes.length < 2) return pathLevels;
  const names = new Map(nodes.map((node) => [node.id, node.name]));
  return (agent) => [{ key: `@${agent.node}`, label: names.get(agent.node) ?? agent.node.slice(0, 7), node: agent.node }, ...pathLevels(agent)];
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
  return age === "now" ? "just now" : `since ${age}`;
}

/** Why nothing can be created on a machine from here; empty if it can. `self`: the machine that is asked. */
export function whyNotThere(node: NodeInfo, self: NodeInfo | null, heardAt: number, now: number): string {
  if (node.self) return "";
  if (!node.reachable && node.incompatible) return "another version of consort";
  if (!node.reachable) {
    const age = since(node, heardAt, now);
    return age === "now" ? "cannot be reached any more" : `cannot be reached for ${age}`;
  }
  return self?.rights === "view" ? "only to look at from here" : "";
}

/** State of a machine in one line. */
export function machineSentence(node: NodeInfo, nodes: ReadonlyMap<string, NodeInfo>, heardAt: number, now: number): string {
  if (node.self) return node.removed ? "This machine, which was removed from the others" : "This machine";
  if (!node.reachable && node.incompatible) {
    const own = [...nodes.values()].find(({ self }) => self);
    const newer = (node.protocol?.[0] ?? 0) > (own?.protocol?.[1] ?? 0);
    return `Its version and this machine's do not understand each other: update consort on ${newer ? "this machine" : node.name}`;
  }
  if (!node.reachable) {
    const age = since(node, heardAt, now);
    return age === "now" ? "Cannot be reached any more" : `Cannot be reached for ${age}`;
  }
  const direct = node.via === null || node.via === node.id;
  const way = direct ? "Connected directly" : `Connected through ${nodes.get(node.via!)?.name ?? node.via!.slice(0, 7)}`;
  const far = node.hops > 2 ? `, ${plural(node.hops, "link")} away` : "";
  return node.latency_ms === null ? way + far : `${way}${far}, ${formatLatency(node.latency_ms)}`;
}
