// The digits that pick the answers of a question on the start page. Pure.

import type { Question } from "../protocol/types";

/** After what a digit would answer has changed by itself, digits do nothing for this long: the person has read something else. */
export const UNREAD_MS = 600;

export interface PickKeys {
  /** For each choice; empty: none is left for it. */
  readonly choices: readonly string[];
  /** What leads to the field for an answer in words; empty: there is none. */
  readonly text: string;
}

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

/** A choice that the program itself names by a digit has that one, the others get what is left, in their order. */
export function pickKeys({ choices, free_text }: Pick<Question, "choices" | "free_text">): PickKeys {
  const own = new Set(choices.map(({ key }) => key));
  const left = DIGITS.filter((digit) => !own.has(digit));
  const isDigit = (key: string): boolean => /^[1-9]$/.test(key);
  return {
    choices: choices.map(({ key }) => (isDigit(key) ? key : (left.shift() ?? ""))),
    text: free_text ? (left.shift() ?? "") : "",
  };
}

/** The digits by which the program itself calls its choices, as its screen shows them. */
export function ownKeys({ choices }: Pick<Question, "choices">): PickKeys {
  return { choices: choices.map(({ key }) => (/^\d{1,2}$/.test(key) ? key : "")), text: "" };
}

/** The neighbour of `current` in `order`; the first one if it is not there. */
export function neighbour<T>(order: readonly T[], current: T | null, step: 1 | -1): T | null {
  const at = current === null ? -1 : order.indexOf(current);
  return order[at === -1 ? 0 : Math.max(0, Math.min(order.length - 1, at + step))] ?? null;
}

/** Where one goes on after `answered`: the next one that waits, else the first. */
export function nextToAnswer<T>(order: readonly T[], waits: (each: T) => boolean, answered: T): T | null {
  const at = order.indexOf(answered);
  return [...order.slice(at + 1), ...order.slice(0, Math.max(0, at))].find(waits) ?? null;
}

/** Whether it takes several choices: programs show such with marks, which choosing one sets or takes away. */
export function takesSeveral({ choices }: Pick<Question, "choices">): boolean {
  return choices.filter(({ label }) => MARKED.test(label)).length > 1;
}

const MARKED = /^\[(.)\] /u;

/** The words of a choice, and whether it is marked; `null`: it has no mark. */
export function markOf(label: string): { readonly words: string; readonly marked: boolean | null } {
  const mark = MARKED.exec(label);
  return mark === null ? { words: label, marked: null } : { words: label.slice(mark[0].length), marked: mark[1] !== " " };
}

/** What a question is, whatever is marked in it now. */
export function identityOf({ id, text, choices, ...rest }: Question): string {
  return takesSeveral({ choices }) ? [rest.terminal, text, ...choices.map(({ label }) => markOf(label).words)].join("\n") : id;
}
