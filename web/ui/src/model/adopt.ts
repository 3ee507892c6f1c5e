// What runs in a session, as one line that a person can change, and back. Pure.

import { joinShellWords, splitShellWords } from "./shell-words";

/** What runs in a terminal. */
export interface Process {
  /** Null: the user's shell. */
  readonly program: string | null;
  readonly args: readonly string[];
  readonly directory: string;
}

export function processLine({ program, args }: Process): string {
  return program === null ? "" : joinShellWords([program, ...args]);
}

/** The process that a line and a directory say, or what is wrong with them. */
export function processIn(line: string, directory: string): Process | { readonly field: "command" | "directory"; readonly problem: string } {
  const split = splitShellWords(line);
  if ("problem" in split) return { field: "command", problem: split.problem };
  const place = directory.trim();
  if (!/^[/~]/.test(place)) return { field: "directory", problem: "Enter the whole path of the directory." };
  const [program = null, ...args] = split.words;
  if (program === "") return { field: "command", problem: "Enter the program." };
  return { program, args, directory: place };
}
