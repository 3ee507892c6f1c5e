// Names of agents: what is allowed, where a name lands in the tree, and who else has it. Pure.

import type { Agent } from "../protocol/types";

export interface NamePlace {
  readonly path: readonly string[];
  readonly leaf: string;
}

export const NAME_MAX_CHARACTERS = 100;

/** One segment: ungrouped. Two: a category and an agent. Three or more: two levels, the rest is the agent's name. */
export function placeOf(name: string): NamePlace {
  const segments = name.split("-");
  const levels = Math.min(segments.length - 1, 2);
  return { path: segments.slice(0, levels), leaf: segments.slice(levels).join("-") };
}

/** What is wrong with a name, for a person; `null` if nothing is. An empty name is not finished rather than wrong. */
export function nameProblem(name: string): string | null {
  if (name.length > NAME_MAX_CHARACTERS) return `Too long: at most ${NAME_MAX_CHARACTERS} characters.`;
  const bad = /[^\p{Alphabetic}\p{M}\p{N}_-]|(?<=^|[_-])\p{M}/u.exec(name)?.[0];
  if (bad === " ") return "No spaces: use - between levels and _ within a word.";
  if (bad !== undefined) return `“${bad}” is not allowed: use letters, digits and _, with - between levels.`;
  if (name.startsWith("-")) return "A name starts with a letter, a digit or _.";
  if (name.includes("--")) return "A level is empty: there are two - in a row.";
  if (name.endsWith("-")) return "Something must follow the last -.";
  return null;
}

/** Still being typed: not complete, but no mistake yet. */
export function isUnfinished(name: string): boolean {
  return name === "" || (name.endsWith("-") && nameProblem(name.slice(0, -1)) === null);
}

/**
 * Agents of other machines with this name. That is allowed, but each of them can then only be named together with its machine.
 * `node`: where the name is to be; `id`: the agent that gets it, if it exists.
 */
export function namesakes(agents: Iterable<Agent>, name: string, node: string, id: string | null = null): Agent[] {
  return [...agents].filter((agent) => agent.name === name && agent.node !== node && agent.id !== id);
}

/** What it means that a name is taken elsewhere. `machines`: where. */
export function namesakeWarning(name: string, machines: readonly string[]): string {
  if (machines.length === 0) return "";
  const where = machines.length < 3 ? machines.join(" and ") : `${machines.slice(0, -1).join(", ")} and ${machines.at(-1)}`;
  return `There is also a “${name}” on ${where}. Commands will then need the machine as well: ${name}@${machines[0]}.`;
}

/** The beginning of a name that puts a new agent beside `sibling`. */
export function siblingPrefix(path: readonly string[]): string {
  return path.map((segment) => `${segment}-`).join("");
}
