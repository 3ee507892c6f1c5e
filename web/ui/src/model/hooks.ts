// The hooks of an agent's program, as its machine describes them: what is missing, and the command that installs it. Pure.

import type { Explanation } from "../net/api";

export interface Hooks {
  readonly text: string;
  /** What installs them; null: nothing is missing, or it is not known. */
  readonly command: string | null;
}

const COMMAND = /: (consort hooks install [a-z0-9-]+)$/i;

/** Null: nothing is known about hooks of this program. */
export function hooksOf({ signals }: Explanation): Hooks | null {
  const signal = signals.find(({ source, says }) => source === "hook" && says === null);
  if (signal === undefined) return null;
  const command = COMMAND.exec(signal.why)?.[1] ?? null;
  const text = command === null ? signal.why : signal.why.slice(0, -command.length - 2);
  return { text: text.charAt(0).toUpperCase() + text.slice(1), command };
}

/** The signals that speak for a state, or say why none does. */
export function withoutHooks({ signals }: Explanation): Explanation["signals"] {
  return signals.filter(({ source, says }) => source !== "hook" || says !== null);
}
