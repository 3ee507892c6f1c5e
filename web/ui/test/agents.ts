// Makes agents for tests.

import { placeOf } from "../src/model/names";
import type { Agent, StateKind } from "../src/protocol/types";

export function agentNamed(name: string, extra: Partial<Agent> & { kind?: StateKind } = {}): Agent {
  const { kind = "idle", ...rest } = extra;
  return {
    id: name, node: "n", name, ...placeOf(name), backend: "tmux", managed: true, running: true, wanted: "running",
    autostart: false, state: { kind, why: "", source: "none", age_ms: 0 }, program: null, args: [], directory: "/home/me",
    notes: "", notes_revision: 0, tags: [], created_unix_ms: 0, terminals: [], ...rest,
  };
}
