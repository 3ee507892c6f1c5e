// Why something cannot be done with an agent now; empty if it can.

import { isFound } from "../model/agents";
import type { Verb } from "../net/api";
import type { Agent } from "../protocol/types";
import type { App } from "./app";

export const NOT_OURS =
  "This session was found in tmux, not created here, so Consort does not know how to start it again. Adopt it (in its menu or its details), end it where you started it, or delete it.";

/** Why nothing at all can be changed about it from here. */
export function whyUntouchable(app: App, agent: Agent): string {
  const node = app.store.nodeOf(agent);
  if (node !== null && !node.reachable) return `${app.store.nameOf(node)} cannot be reached`;
  if (app.store.mayOperate(agent)) return "";
  return `This machine can only view the agents of ${node === null ? "others" : app.store.nameOf(node)}`;
}

export function whyNotRun(app: App, agent: Agent, verb: Verb): string {
  const untouchable = whyUntouchable(app, agent);
  if (untouchable !== "") return untouchable;
  if (verb !== "start" && isFound(agent) && agent.running) return NOT_OURS;
  if (!app.isLive.value) return "Not connected";
  return app.busy.value.has(agent.id) ? "In progress" : "";
}

/** Why a session that was found cannot become one of ours. */
export function whyNotAdopt(app: App, agent: Agent): string {
  if (!isFound(agent)) return "It was created here, so it can be started again already";
  if (!agent.running) return "It does not run any more";
  return whyNotChange(app, agent);
}

export function whyNotChange(app: App, agent: Agent): string {
  const untouchable = whyUntouchable(app, agent);
  return untouchable === "" && !app.isLive.value ? "Not connected" : untouchable;
}
