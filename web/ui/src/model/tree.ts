// Builds the visible rows of the agent tree from the agents' paths. Pure: the tree is a function of the names.

import type { Agent } from "../protocol/types";

/** One step from the root to an agent. `key` is unique among its siblings, `label` is what people read. */
export interface Level {
  readonly key: string;
  readonly label: string;
  /** A machine; else a level of the name. */
  readonly node?: string;
  /** It comes before its siblings. */
  readonly first?: boolean;
}

export interface StateCounts {
  readonly waiting: number;
  readonly failed: number;
  readonly working: number;
}

export interface GroupRow {
  readonly kind: "group";
  /** Unique and stable: the keys from the root to the innermost of its levels, joined. Folding is remembered by it. */
  readonly id: string;
  /** The groups that share this row, outermost first: a level whose only child is another level takes no row of its own. */
  readonly chain: readonly string[];
  /** The names of those levels. */
  readonly labels: readonly string[];
  readonly depth: number;
  readonly folded: boolean;
  readonly count: number;
  /** How many of them wait, cannot go on and work; of machines that cannot be reached none does. */
  readonly states: StateCounts;
  /** First-level category that gives the colour; `null` for a machine. */
  readonly category: string | null;
  /** The levels of the name down to here. */
  readonly path: readonly string[];
  /** The machine that this level stands for. */
  readonly node: string | null;
  /** The machine that it is on, where machines are a level. */
  readonly machine: string | null;
  readonly position: number;
  readonly siblings: number;
}

export interface AgentRow {
  readonly kind: "agent";
  readonly id: string;
  readonly agent: Agent;
  /** The levels above it whose only child it is: they share its row. */
  readonly lead: readonly string[];
  readonly depth: number;
  readonly category: string | null;
  readonly position: number;
  readonly siblings: number;
}

export type Row = GroupRow | AgentRow;

export interface TreeOptions {
  readonly folded: ReadonlySet<string>;
  /** A filter is active: everything that matches is shown, whatever is folded. */
  readonly unfoldAll?: boolean;
  /** The levels above an agent. A machine level goes in front here. */
  readonly levelsOf?: (agent: Agent) => readonly Level[];
  /** Whose state is known now. */
  readonly isReachable?: (agent: Agent) => boolean;
  /** The place of each machine among agents of the same name. */
  readonly ranks?: ReadonlyMap<string, number>;
}

interface Group {
  readonly id: string;
  readonly label: string;
  readonly node: string | null;
  readonly machine: string | null;
  readonly first: boolean;
  readonly path: readonly string[];
  readonly groups: Map<string, Group>;
  readonly agents: Agent[];
  count: number;
  readonly states: { -readonly [kind in keyof StateCounts]: number };
}

/** Separates keys in a group id; cannot occur in a name. */
const SEPARATOR = "/";

export function pathLevels(agent: Agent): readonly Level[] {
  return agent.path.map((segment) => ({ key: segment, label: segment }));
}

/** Rows in the order in which they are drawn: groups before agents, each by name; ungrouped agents come last. */
export function buildRows(agents: Iterable<Agent>, options: TreeOptions): Row[] {
  const root: Group = { id: "", label: "", node: null, machine: null, first: false, path: [], groups: new Map(), agents: [], count: 0, states: { waiting: 0, failed: 0, working: 0 } };
  const levelsOf = options.levelsOf ?? pathLevels;
  const isReachable = options.isReachable ?? (() => true);
  for (const agent of agents) insert(root, agent, levelsOf(agent), isReachable(agent));
  const rows: Row[] = [];
  appendChildren(rows, root, 0, options);
  return rows;
}

/** Ids of all groups. */
export function groupIds(agents: Iterable<Agent>, levelsOf: (agent: Agent) => readonly Level[] = pathLevels): string[] {
  const ids = new Set<string>();
  for (const agent of agents) for (const id of ancestorIds(agent, levelsOf)) ids.add(id);
  return [...ids];
}

/** Ids of the groups that contain `agent`, outermost first. */
export function ancestorIds(agent: Agent, levelsOf: (agent: Agent) => readonly Level[] = pathLevels): string[] {
  const ids: string[] = [];
  for (const level of levelsOf(agent)) ids.push(groupId(ids.at(-1) ?? "", level.key));
  return ids;
}

function insert(root: Group, agent: Agent, levels: readonly Level[], reachable: boolean): void {
  const { kind } = agent.state;
  let group = root;
  for (const level of levels) {
    let child = group.groups.get(level.key);
    if (child === undefined) {
      child = newGroup(group, level);
      group.groups.set(level.key, child);
    }
    child.count += 1;
    if (reachable && (kind === "waiting" || kind === "failed" || kind === "working")) child.states[kind] += 1;
    group = child;
  }
  group.agents.push(agent);
}

function appendChildren(rows: Row[], parent: Group, depth: number, options: TreeOptions): void {
  const siblings = parent.groups.size + parent.agents.length;
  let position = 0;
  for (const outermost of [...parent.groups.values()].sort(compareGroups)) {
    const chain = singleChildren(outermost);
    const group = chain.at(-1)!;
    const labels = chain.map(({ label }) => label);
    const { id, count, states, path, node, machine } = group;
    const category = path[0] ?? null;
    position += 1;
    if (node === null && count === 1) {
      const agent = group.agents[0]!;
      rows.push({ kind: "agent", id: agent.id, agent, lead: labels, depth, category, position, siblings });
      continue;
    }
    const folded = options.unfoldAll !== true && chain.some((each) => options.folded.has(each.id));
    rows.push({
      kind: "group", id, chain: chain.map((each) => each.id), labels, depth, folded, count, states, path, node, machine, category, position, siblings,
    });
    if (!folded) appendChildren(rows, group, depth + 1, options);
  }
  const category = parent.path[0] ?? null;
  const rank = ({ node }: Agent): number => options.ranks?.get(node) ?? Number.MAX_SAFE_INTEGER;
  for (const agent of parent.agents.sort((a, b) => compareNames(a.leaf, b.leaf) || rank(a) - rank(b) || compareNames(a.id, b.id))) {
    rows.push({ kind: "agent", id: agent.id, agent, lead: [], depth, category, position: ++position, siblings });
  }
}

/** A group, and below it the groups that are the only child of the one above. A machine always has a row of its own. */
function singleChildren(group: Group): Group[] {
  const chain = [group];
  for (let last = group; last.node === null && last.groups.size === 1 && last.agents.length === 0; chain.push(last)) {
    last = [...last.groups.values()][0]!;
  }
  return chain;
}

function compareGroups(a: Group, b: Group): number {
  return Number(b.first) - Number(a.first) || compareNames(a.label, b.label);
}

function newGroup(parent: Group, { key, label, node, first = false }: Level): Group {
  return {
    first,
    id: groupId(parent.id, key), label, node: node ?? null, machine: node ?? parent.machine,
    path: node === undefined ? [...parent.path, key] : parent.path,
    groups: new Map(), agents: [], count: 0, states: { waiting: 0, failed: 0, working: 0 },
  };
}

function groupId(parent: string, key: string): string {
  return parent + SEPARATOR + key;
}

/** As people sort: capitals and small letters alike, 9 before 10. Fast enough for every change of a state. */
export function compareNames(a: string, b: string): number {
  const keyA = sortKey(a);
  const keyB = sortKey(b);
  if (keyA !== keyB) return keyA < keyB ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

const sortKeys = new Map<string, string>();
const MOST_SORT_KEYS = 20_000;

function sortKey(name: string): string {
  let key = sortKeys.get(name);
  if (key === undefined) {
    if (sortKeys.size >= MOST_SORT_KEYS) sortKeys.clear();
    key = name.toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(12, "0"));
    sortKeys.set(name, key);
  }
  return key;
}
