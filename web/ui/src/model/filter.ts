// Decides which agents match what the user types: plain words for the filter box, fuzzy for the quick switch. Pure.

import type { Agent } from "../protocol/types";

/** All words must occur somewhere in the agent's name, titles, commands, directory, tags, program or state. */
export function matchesFilter(agent: Agent, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = searchText(agent);
  return words.every((word) => text.includes(word));
}

export function filterWords(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** Agents are replaced, never changed, so the text of one is computed once. */
const texts = new WeakMap<Agent, string>();

function searchText(agent: Agent): string {
  let text = texts.get(agent);
  if (text === undefined) {
    const terminals = agent.terminals.flatMap((terminal) => [terminal.title, terminal.command, terminal.window]);
    text = [agent.name, agent.directory, agent.program, agent.state.kind, agent.backend, ...agent.tags, ...terminals]
      .join("\n")
      .toLowerCase();
    texts.set(agent, text);
  }
  return text;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The part of a label that a filter word found. A label is a piece of a whole name, and the word may reach over its edges:
 * `a-b` is found in both levels of `a › b`. `before` is what precedes the label in the name; `after` what follows it, where
 * more follows that is not known here.
 */
export function markedSpan(label: string, words: readonly string[], before = "", after = ""): Span | null {
  const name = (before + label + after).toLowerCase();
  const end = before.length + label.length;
  for (const word of words) {
    for (const at of placesOf(word, name, after !== "")) {
      const from = Math.max(at, before.length);
      const to = Math.min(at + word.length, end);
      if (from < to) return { from: from - before.length, to: to - before.length };
    }
  }
  return null;
}

/** Where `word` is in `name`, or begins at its end if the name is `open`. */
function placesOf(word: string, name: string, open: boolean): number[] {
  const places: number[] = [];
  for (let at = name.indexOf(word); at !== -1; at = name.indexOf(word, at + 1)) places.push(at);
  if (!open) return places;
  for (let length = Math.min(word.length - 1, name.length); length > 0; length--) {
    if (name.endsWith(word.slice(0, length))) places.push(name.length - length);
  }
  return places;
}

export interface FuzzyMatch {
  readonly score: number;
  /** Indices into the text that matched, ascending. */
  readonly at: readonly number[];
}

/**
 * The letters of `query` in order in `text`. Runs and beginnings of segments count more, and earlier is better.
 * Greedy from each possible first letter: good enough for names, and linear in practice.
 */
export function fuzzyMatch(text: string, query: string): FuzzyMatch | null {
  const haystack = text.toLowerCase();
  const needle = query.toLowerCase().replaceAll(/\s+/g, "");
  if (needle === "") return { score: 0, at: [] };
  let best: FuzzyMatch | null = null;
  for (let start = haystack.indexOf(needle[0]!); start !== -1; start = haystack.indexOf(needle[0]!, start + 1)) {
    const match = matchFrom(haystack, needle, start);
    if (match === null) break;
    if (best === null || match.score > best.score) best = match;
  }
  return best;
}

function matchFrom(haystack: string, needle: string, start: number): FuzzyMatch | null {
  const at: number[] = [];
  let score = -start * 0.1 - haystack.length * 0.01;
  let from = start;
  for (const letter of needle) {
    const index = haystack.indexOf(letter, from);
    if (index === -1) return null;
    if (index === at.at(-1)! + 1) score += 5;
    if (index === 0 || /[-/ _.]/.test(haystack[index - 1]!)) score += 4;
    score -= (index - from) * 0.2;
    at.push(index);
    from = index + 1;
  }
  return { score: score + needle.length, at };
}
