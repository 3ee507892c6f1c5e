// What can be done with an agent: start, stop, restart, delete. What ends a program asks first.

import type { JSX } from "preact";
import { whyNotChange, whyNotRun } from "../app/refusals";
import type { Verb } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Icon, type IconName } from "./icons";

const WHEN_RUNNING: readonly (readonly [Verb, IconName, string])[] = [
  ["restart", "restart", "Restart"],
  ["stop", "stop", "Stop"],
];
const WHEN_STOPPED: typeof WHEN_RUNNING = [["start", "play", "Start"]];

/** `labelled`: with a frame and always with words, for fingers. */
export function AgentActions({ agent, labelled = false }: { agent: Agent; labelled?: boolean }): JSX.Element {
  const app = useApp();
  const busy = app.busy.value.get(agent.id);
  const refusal = whyNotRun(app, agent, agent.running ? "stop" : "start");
  return (
    <div class={`agent-actions ${labelled ? "labelled" : ""}`} role="group" aria-label="Actions">
      {(agent.running ? WHEN_RUNNING : WHEN_STOPPED).map(([verb, icon, label]) => (
        <Action
          key={verb}
          icon={icon}
          label={busy === verb ? `${label}…` : label}
          testid={`agent-${verb}`}
          labelled={labelled}
          refusal={refusal}
          run={() => app.ask(agent, verb)}
        />
      ))}
      <Action
        icon="trash"
        label="Delete"
        testid="agent-delete"
        danger
        labelled={labelled}
        refusal={whyNotChange(app, agent)}
        run={() => (app.dialog.value = { kind: "delete", agent })}
      />
      {labelled && refusal !== "" && <p class="dim">{refusal}</p>}
    </div>
  );
}

interface ActionProps {
  readonly icon: IconName;
  readonly label: string;
  readonly testid: string;
  readonly labelled: boolean;
  readonly danger?: boolean;
  /** Why it cannot be done now; empty if it can. */
  readonly refusal: string;
  run(): void;
}

/** Stays reachable by keyboard when it cannot be used: then it says why. */
function Action({ icon, label, testid, labelled, danger = false, refusal, run }: ActionProps): JSX.Element {
  return (
    <button
      class={`${labelled ? "button" : "icon-button action"} ${danger ? "danger-text" : ""}`}
      data-testid={testid}
      title={refusal === "" ? undefined : refusal}
      onMouseEnter={({ currentTarget }) => {
        // Where there is no room for the words.
        const hidden = currentTarget.querySelector<HTMLElement>(".action-label")!.offsetWidth === 0;
        if (refusal === "") currentTarget.title = hidden ? label : "";
      }}
      aria-label={label}
      aria-disabled={refusal !== ""}
      aria-description={refusal === "" ? undefined : refusal}
      onClick={() => refusal === "" && run()}
    >
      <Icon name={icon} /> <span class="action-label">{label}</span>
    </button>
  );
}
