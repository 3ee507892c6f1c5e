// Terminals side by side: which agents have one there, how many fit, and in how many columns. Pure.

import type { Agent } from "../protocol/types";
import { isWithin } from "./alerts";

export const GRID_COUNTS = [2, 4, 6, 9] as const;
export type GridCount = (typeof GRID_COUNTS)[number];

export type GridSource =
  | { readonly kind: "waiting" }
  | { readonly kind: "all" }
  /** Those below a level of the tree: `customers-zoom`. */
  | { readonly kind: "group"; readonly name: string }
  | { readonly kind: "agents"; readonly ids: readonly string[] };

export interface Grid {
  readonly source: GridSource;
  readonly count: GridCount;
}

export function isGridCount(value: unknown): value is GridCount {
  return GRID_COUNTS.includes(value as GridCount);
}

/** `waiting/4`, `all/9`, `group/customers-zoom/4`, `agents/ID,ID/2`; `null` if it is none of these. */
export function parseGrid(text: string): Grid | null {
  const parts = text.split("/");
  const count = Number(parts.pop());
  if (!isGridCount(count)) return null;
  const [kind, value = "", ...more] = parts;
  if (more.length > 0) return null;
  try {
    const words = value.split(",").map(decodeURIComponent).filter((word) => word !== "");
    if ((kind === "waiting" || kind === "all") && parts.length === 1) return { source: { kind }, count };
    if (kind === "group" && words.length === 1) return { source: { kind, name: words[0]! }, count };
    if (kind === "agents" && words.length > 0) return { source: { kind, ids: words }, count };
  } catch {
    // No address of ours.
  }
  return null;
}

export function formatGrid({ source, count }: Grid): string {
  const value = source.kind === "group" ? [encodeURIComponent(source.name)] : source.kind === "agents" ? [source.ids.map(encodeURIComponent).join(",")] : [];
  return [source.kind, ...value, count].join("/");
}

/** What it shows, in words. */
export function gridTitle(source: GridSource): string {
  switch (source.kind) {
    case "waiting":
      return "Waiting for you";
    case "all":
      return "All agents";
    case "group":
      return source.name.replaceAll("-", " › ");
    case "agents":
      return "Selected agents";
  }
}

/** The agents that a grid has terminals of. `agents`: in the order of the tree; `waiting`: longest first. */
export function gridAgents(source: GridSource, agents: readonly Agent[], waiting: readonly Agent[]): Agent[] {
  const chosen = (): readonly Agent[] => {
    switch (source.kind) {
      case "waiting":
        return waiting;
      case "all":
        return agents;
      case "group":
        return agents.filter(({ path }) => isWithin(source.name, path.join("-")));
      case "agents":
        return source.ids.flatMap((id) => agents.find((agent) => agent.id === id) ?? []);
    }
  };
  return chosen().filter(({ terminals }) => terminals.length > 0);
}

/** Columns and rows for so many terminals, at most `count`, in a space that is wider than high. */
export function gridShape(shown: number, count: GridCount): { readonly columns: number; readonly rows: number } {
  const cells = Math.max(1, Math.min(shown, count));
  const columns = cells <= 1 ? 1 : cells <= 4 ? 2 : 3;
  return { columns, rows: Math.ceil(cells / columns) };
}

/** Where an arrow leads from cell `at`. */
export function gridMove(key: string, at: number, cells: number, columns: number): number | null {
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns, ArrowDown: at + columns, Home: 0, End: cells - 1 }[key];
  if (to === undefined) return null;
  return to >= 0 && to < cells ? to : at;
}
