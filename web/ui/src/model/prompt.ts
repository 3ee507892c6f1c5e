// How a text can be given to an agent, by what it does now. Pure.

import type { Agent } from "../protocol/types";

/** `send`: typed into an agent that rests. `queue`: kept until it is idle. `now`: although it works. `anyway`: although it asks. */
export type PromptWay = "send" | "queue" | "now" | "anyway";

export interface PromptChoices {
  /** The usual one first. */
  readonly ways: readonly PromptWay[];
  readonly hint: string;
}

export function promptChoices({ running, state }: Pick<Agent, "running" | "state">): PromptChoices {
  if (!running || state.kind === "exited") return { ways: ["queue"], hint: "It does not run: the text is kept until it does and is idle." };
  if (state.kind === "working") return { ways: ["queue", "now"], hint: "It works: the text is kept until it is idle, or typed now, as if you did it." };
  if (state.kind === "waiting") return { ways: ["queue", "anyway"], hint: "It asks something: the text is kept until that is answered and it is idle. Sent anyway, it is typed into the question." };
  return { ways: ["send"], hint: "Typed into its terminal, followed by Enter." };
}
