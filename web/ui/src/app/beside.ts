// Where "new agent" means, when nobody says: beside the agent that is open.

import type { Agent } from "../protocol/types";
import type { App } from "./app";

/** Where an agent is to be created: the levels of its name, and the machine (`null`: this one). */
export interface CreatePlace {
  readonly kind: "create";
  readonly path: readonly string[];
  readonly node: string | null;
}

export function besideOpenAgent(app: App): CreatePlace {
  return placeBeside(app, app.agent.value);
}

export function placeBeside(app: App, agent: Agent | null): CreatePlace {
  // A group of a category reaches over all machines.
  const node = app.preferences.grouping.value === "machine" ? (agent?.node ?? null) : null;
  return { kind: "create", path: agent?.path ?? [], node };
}
