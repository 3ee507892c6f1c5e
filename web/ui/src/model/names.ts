// Names of agents: what is allowed, and where a name lands in the tree. Pure.

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
  const bad = /[^\p{L}\p{N}_-]/u.exec(name)?.[0];
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

/** The beginning of a name that puts a new agent beside `sibling`. */
export function siblingPrefix(path: readonly string[]): string {
  return path.map((segment) => `${segment}-`).join("");
}
