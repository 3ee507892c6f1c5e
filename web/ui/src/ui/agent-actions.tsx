// What can be done with an agent: start, stop, restart, delete. What ends a program asks first.

import type { JSX } from "preact";
import { isFound } from "../model/agents";
import type { Verb } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Icon, type IconName } from "./icons";

const WHEN_RUNNING: readonly (readonly [Verb, IconName, string])[] = [
  ["restart", "restart", "Restart"],
  ["stop", "stop", "Stop"],
];
const WHEN_STOPPED: typeof WHEN_RUNNING = [["start", "play", "Start"]];

const NOT_OURS =
  "This session was found in tmux, not created here: Consort does not know how to start it again. End it where you started it, or delete it.";

/** `labelled`: with a frame and always with words, for fingers. */
export function AgentActions({ agent, labelled = false }: { agent: Agent; labelled?: boolean }): JSX.Element {
  const app = useApp();
  const busy = app.busy.value.get(agent.id);
  const node = app.store.nodeOf(agent);
  const away = node !== null && !node.reachable ? `${app.store.nameOf(node)} cannot be reached` : "";
  const foreign = app.store.mayOperate(agent) ? "" : `This machine may only look at the agents of ${node === null ? "others" : app.store.nameOf(node)}`;
  const impossible = away !== "" ? away : foreign;
  const refusal = impossible !== "" ? impossible : isFound(agent) && agent.running ? NOT_OURS : "";
  return (
    <div class={`agent-actions ${labelled ? "labelled" : ""}`} role="group" aria-label="Actions">
      {(agent.running ? WHEN_RUNNING : WHEN_STOPPED).map(([verb, icon, label]) => (
        <Action
          key={verb}
          icon={icon}
          label={busy === verb ? `${label}…` : label}
          testid={`agent-${verb}`}
          labelled={labelled}
          refusal={refusal !== "" ? refusal : whyNot(app.isLive.value, busy !== undefined)}
          run={() => app.ask(agent, verb)}
        />
      ))}
      <Action
        icon="trash"
        label="Delete"
        testid="agent-delete"
        danger
        labelled={labelled}
        refusal={impossible !== "" ? impossible : whyNot(app.isLive.value, false)}
        run={() => (app.dialog.value = { kind: "delete", agent })}
      />
      {labelled && refusal !== "" && <p class="dim">{refusal}</p>}
    </div>
  );
}

function whyNot(live: boolean, busy: boolean): string {
  if (!live) return "Not connected";
  return busy ? "Under way" : "";
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
      title={refusal === "" ? label : refusal}
      aria-label={label}
      aria-disabled={refusal !== ""}
      aria-description={refusal === "" ? undefined : refusal}
      onClick={() => refusal === "" && run()}
    >
      <Icon name={icon} /> <span class="action-label">{label}</span>
    </button>
  );
}
