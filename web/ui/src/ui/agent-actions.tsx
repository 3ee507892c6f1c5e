// What can be done with an agent: start, stop, restart, delete.

import type { JSX } from "preact";
import type { Verb } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Icon, type IconName } from "./icons";

const WHEN_RUNNING: readonly (readonly [Verb, IconName, string])[] = [
  ["restart", "restart", "Restart"],
  ["stop", "stop", "Stop"],
];
const WHEN_STOPPED: typeof WHEN_RUNNING = [["start", "play", "Start"]];

/** `labelled`: with words, for fingers. */
export function AgentActions({ agent, labelled = false }: { agent: Agent; labelled?: boolean }): JSX.Element {
  const app = useApp();
  const busy = app.busy.value.get(agent.id);
  const look = labelled ? "button" : "icon-button";
  return (
    <div class={`agent-actions ${labelled ? "labelled" : ""}`} role="group" aria-label="Actions">
      {(agent.running ? WHEN_RUNNING : WHEN_STOPPED).map(([verb, icon, label]) => (
        <button
          key={verb}
          class={look}
          data-testid={`agent-${verb}`}
          title={busy === verb ? `${label} is under way` : label}
          aria-label={label}
          disabled={busy !== undefined || !app.isLive.value}
          onClick={() => void app.run(agent, verb)}
        >
          <Icon name={icon} /> {labelled && label}
        </button>
      ))}
      <button
        class={`${look} ${labelled ? "" : "danger"}`}
        data-testid="agent-delete"
        title="Delete"
        aria-label="Delete"
        disabled={!app.isLive.value}
        onClick={() => (app.dialog.value = { kind: "delete", agent })}
      >
        <Icon name="trash" /> {labelled && "Delete"}
      </button>
    </div>
  );
}
