// What the palette lists for what was typed: agents and commands, best first. Pure.

import type { Agent } from "../protocol/types";
import { fuzzyMatch } from "./filter";
import { rankAgents, type Hit } from "./quick-switch";

/** With this in front, only commands are meant. */
export const ONLY_COMMANDS = ">";

/** What a command has to have to be found. */
interface Named {
  readonly id: string;
  readonly label: string;
}

export type Entry<C extends Named> =
  | ({ readonly kind: "agent" } & Hit)
  | { readonly kind: "command"; readonly command: C; readonly score: number; readonly at: readonly number[] };

/**
 * Without letters: the agents, and the commands below them. With letters both are mixed by how well they match; an agent comes before
 * a command that matches as well.
 */
export function paletteEntries<C extends Named>(
  query: string,
  agents: readonly Agent[],
  commands: readonly C[],
  recent: readonly string[],
  current: string | null,
): Entry<C>[] {
  const only = query.trimStart().startsWith(ONLY_COMMANDS);
  const words = only ? query.trimStart().slice(ONLY_COMMANDS.length) : query;
  const found = commands.flatMap((command): Entry<C>[] => {
    const match = fuzzyMatch(command.label, words);
    return match === null ? [] : [{ kind: "command", command, ...match }];
  });
  const hits = only ? [] : rankAgents(agents, words, recent, current).map((hit): Entry<C> => ({ kind: "agent", ...hit }));
  const all = [...hits, ...found];
  return words.trim() === "" ? all : all.sort((a, b) => b.score - a.score);
}
