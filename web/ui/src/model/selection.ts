// Which agents are selected in the tree. Pure.

import type { Row } from "./tree";

export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** Where a range begins. */
  readonly anchor: string | null;
}

export const NOTHING_SELECTED: Selection = { ids: new Set(), anchor: null };

/** Adds `ids`, or takes them out if all of them are in. */
export function toggled({ ids: before }: Selection, ids: readonly string[]): Selection {
  const next = new Set(before);
  const out = ids.every((id) => before.has(id));
  for (const id of ids) {
    if (out) next.delete(id);
    else next.add(id);
  }
  return { ids: next, anchor: ids.at(-1) ?? null };
}

/** The agents in the rows from the anchor to `to`, both included; from `fallback` if there is no anchor. */
export function extended(selection: Selection, rows: readonly Row[], to: string, fallback: string | null): Selection {
  const anchor = selection.anchor ?? fallback ?? to;
  const end = rows.findIndex(({ id }) => id === to);
  const found = rows.findIndex(({ id }) => id === anchor);
  const start = found === -1 ? end : found;
  const range = rows.slice(Math.min(start, end), Math.max(start, end) + 1);
  return { ids: new Set(range.flatMap((row) => (row.kind === "agent" ? [row.id] : []))), anchor: found === -1 ? to : anchor };
}
