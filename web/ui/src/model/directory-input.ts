// Reads a half-typed path: which directory to list, and what its entries must begin with. Pure.

import type { DirectoryEntry } from "../net/api";

export interface DirectoryInput {
  /** The directory to list; empty means the home directory. */
  readonly parent: string;
  readonly prefix: string;
}

export function readDirectoryInput(text: string): DirectoryInput {
  const slash = text.lastIndexOf("/");
  if (slash === -1) return text === "~" ? { parent: "~", prefix: "" } : { parent: "~", prefix: text };
  return { parent: slash === 0 ? "/" : text.slice(0, slash), prefix: text.slice(slash + 1) };
}

/** Hidden directories show only when a dot is typed. */
export function matchingEntries(entries: readonly DirectoryEntry[], prefix: string): DirectoryEntry[] {
  const wanted = prefix.toLowerCase();
  return entries.filter(
    ({ name }) => name.toLowerCase().startsWith(wanted) && (wanted.startsWith(".") || !name.startsWith(".")),
  );
}
