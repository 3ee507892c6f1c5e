// The order of the quick switch: what one was in last, then what needs somebody. Pure.

import type { Agent, StateKind } from "../protocol/types";
import { fuzzyMatch } from "./filter";
import { compareNames } from "./tree";

const MOST = 50;
const URGENCY: Record<StateKind, number> = { waiting: 0, failed: 1, done: 2, working: 3, idle: 4, unknown: 5, exited: 6 };

export interface Hit {
  readonly agent: Agent;
  readonly score: number;
  /** Letters of the name that match. */
  readonly at: readonly number[];
}

/** `recent`: ids, newest first. Without letters the agent on the screen is left out: nobody switches to where they are. */
export function rankAgents(agents: readonly Agent[], query: string, recent: readonly string[], current: string | null): Hit[] {
  const order = new Map(recent.map((id, index) => [id, index]));
  const recency = ({ id }: Agent): number => order.get(id) ?? recent.length;
  return agents
    .flatMap((agent): Hit[] => {
      if (query.trim() === "" && agent.id === current) return [];
      const match = fuzzyMatch(agent.name, query);
      return match === null ? [] : [{ agent, ...match }];
    })
    .sort(
      (a, b) =>
        b.score - a.score ||
        recency(a.agent) - recency(b.agent) ||
        URGENCY[a.agent.state.kind] - URGENCY[b.agent.state.kind] ||
        compareNames(a.agent.name, b.agent.name),
    )
    .slice(0, MOST);
}
