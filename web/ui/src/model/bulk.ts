// One act for several agents: what it would do with each, and why it leaves some out. Pure.

import type { Agent } from "../protocol/types";
import { isFound } from "./agents";
import { runningPrograms } from "./losses";

export type BulkVerb = "start" | "stop" | "tag" | "send";

export interface BulkPlan {
  /** What happens to it. */
  readonly effect: string;
  /** Why it is left out; empty if it is not. */
  readonly skipped: string;
  /** It is left out unless somebody decides otherwise. */
  readonly choosable: boolean;
  /** It works: the text is kept until it is idle, unless somebody wants it typed now. */
  readonly queued: boolean;
}

/** `untouchable`: why nothing can be changed about it from here; empty if it can. */
export function planFor(verb: BulkVerb, agent: Agent, untouchable: string): BulkPlan {
  const skip = (skipped: string, choosable = false): BulkPlan => ({ effect: "", skipped, choosable, queued: false });
  const act = (effect: string, queued = false): BulkPlan => ({ effect, skipped: "", choosable: false, queued });
  if (untouchable !== "") return skip(untouchable);
  switch (verb) {
    case "start":
      return agent.running ? skip("runs already") : act("starts");
    case "stop": {
      if (!agent.running) return skip("is not running");
      if (isFound(agent)) return skip("was found in tmux: Consort could not start it again");
      const programs = runningPrograms(agent);
      return act(programs.length === 0 ? "ends" : `ends ${programs.join(", ")}`);
    }
    case "tag":
      return act(agent.tags.length === 0 ? "has no tags" : `has ${agent.tags.map((tag) => `#${tag}`).join(" ")}`);
    case "send":
      if (!agent.running) return skip("is not running");
      if (agent.state.kind === "working") return act("gets the text when it is idle", true);
      return agent.state.kind === "waiting" ? skip("waits for an answer: the text would be taken as one", true) : act("gets the text");
  }
}

/** Tags out of what somebody typed: separated by commas or spaces, with or without #. */
export function tagsIn(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).map((tag) => tag.replace(/^#+/, "")).filter((tag) => tag !== ""))];
}
