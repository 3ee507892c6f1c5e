// What the address bar says: `#/agent/AGENT` or `#/agent/AGENT/TERMINAL`, `#/machines`, or `#/grid/WHAT/COUNT` (see `grid.ts`). AGENT is the id that the node gave it, its
// name, or NAME@MACHINE; `?id=ID` behind it goes first, so that a link with a name survives a new name. Pure.

import type { Agent, NodeInfo } from "../protocol/types";
import { formatGrid, parseGrid, type Grid } from "./grid";
import { machineNames } from "./machines";

export interface Route {
  readonly agent: string | null;
  readonly terminal: number | null;
  /** Of a link that has a name and an id. */
  readonly id?: string;
  readonly page?: "machines";
  readonly grid?: Grid;
}

const GRID = "#/grid/";

export const HOME: Route = { agent: null, terminal: null };
export const MACHINES: Route = { agent: null, terminal: null, page: "machines" };

export function parseRoute(hash: string): Route {
  if (hash === "#/machines") return MACHINES;
  const grid = hash.startsWith(GRID) ? parseGrid(hash.slice(GRID.length)) : null;
  if (grid !== null) return { ...HOME, grid };
  const match = /^#\/agent\/([^/?]+)(?:\/(\d+))?(?:\?id=([^&]+))?$/.exec(hash);
  if (match?.[1] === undefined) return HOME;
  try {
    const route: Route = { agent: decodeURIComponent(match[1]), terminal: match[2] === undefined ? null : Number(match[2]) };
    return match[3] === undefined ? route : { ...route, id: decodeURIComponent(match[3]) };
  } catch {
    return HOME;
  }
}

export function formatRoute({ agent, terminal, page, grid }: Route): string {
  if (grid !== undefined) return GRID + formatGrid(grid);
  if (agent === null) return page === undefined ? "#/" : `#/${page}`;
  return `#/agent/${encodeURIComponent(agent)}${terminal === null ? "" : `/${terminal}`}`;
}

/** A link to an agent for people: `address` is what they call it. */
export function agentUrl(page: string, { id }: Agent, address: string): string {
  return `${page.replace(/#.*$/, "")}#/agent/${encodeURIComponent(address).replaceAll("%40", "@")}?id=${encodeURIComponent(id)}`;
}

/** The agents that a route may mean: one if it is clear, several if a name is not unique, none if nothing has it. */
export function agentsMeant({ agent, id }: Route, agents: ReadonlyMap<string, Agent>, nodes: readonly NodeInfo[]): Agent[] {
  if (agent === null) return [];
  for (const exact of [id, agent]) {
    const found = exact === undefined ? undefined : agents.get(exact);
    if (found !== undefined) return [found];
  }
  const all = [...agents.values()];
  // Every node writes the ids of its own agents without itself.
  const own = id === undefined ? [] : all.filter((candidate) => withoutNode(candidate.id) === withoutNode(id));
  if (own.length === 1) return own;
  const at = agent.lastIndexOf("@");
  const name = (at === -1 ? agent : agent.slice(0, at)).toLowerCase();
  const named = all.filter((candidate) => candidate.name.toLowerCase() === name);
  if (at === -1) return named;
  const machine = agent.slice(at + 1).toLowerCase();
  const names = machineNames(nodes);
  const there = new Set(nodes.filter((node) => [node.name, node.short, names.get(node.id)!].some((word) => word.toLowerCase() === machine)).map((node) => node.id));
  return named.filter(({ node }) => there.has(node));
}

function withoutNode(id: string): string {
  return id.replace(/@.*$/, "");
}

/** The login token of `#token=…`, or `null`. */
export function tokenInHash(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#\/?/, "")).get("token");
  return token === null || token === "" ? null : token;
}
