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
function sinceWords(node: NodeInfo, heardAt: number, now: number): string {
  if (node.since_ms === undefined) return "";
  const age = formatAge(now - heardAt + node.since_ms);
  return age === "now" ? "just now" : age;
}

/** For a row in the tree; empty for a machine that is well. */
export function troubleOf(node: NodeInfo, heardAt: number, now: number): string {
  if (node.reachable) return "";
  const since = sinceWords(node, heardAt, now);
  return since === "" ? "unreachable" : `since ${since}`.replace("since just now", "just now");
}

/** State of a machine in one line. */
export function machineSentence(node: NodeInfo, heardAt: number, now: number): string {
  if (node.self) return "This machine";
  if (!node.reachable) {
    const since = sinceWords(node, heardAt, now);
    if (since === "") return "Cannot be reached";
    return since === "just now" ? "Cannot be reached any more" : `Cannot be reached for ${since}`;
  }
  const far = (node.hops ?? 1) > 1 ? `, ${plural(node.hops!, "hop")}` : "";
  const way = node.via == null || node.via === "" ? "Connected directly" : `Connected through ${node.via}${far}`;
  return node.latency_ms == null ? way : `${way}, ${formatLatency(node.latency_ms)}`;
}
