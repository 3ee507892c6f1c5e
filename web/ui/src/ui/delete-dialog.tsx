// Asks before an agent is deleted, and says exactly what is lost.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { isFound } from "../model/agents";
import { isolated } from "../model/format";
import { losses } from "../model/losses";
import type { Agent } from "../protocol/types";
import { ApiError } from "../net/api";
import { useApp } from "./context";
import { Dialog } from "./dialog";

export function DeleteDialog({ agent: opened }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const agent = app.store.agents.value.get(opened.id) ?? opened;
  const problem = useSignal("");
  const busy = useSignal(false);
  const remove = async (): Promise<void> => {
    busy.value = true;
    try {
      await app.api.deleteAgent(agent.id);
      app.dialog.value = null;
      if (app.route.value.agent === agent.id) app.goHome();
      app.notices.show("info", `${isolated(agent.name)} is deleted.`);
    } catch (error) {
      problem.value = error instanceof ApiError ? `${error.message} ${error.hint}` : String(error);
    }
    busy.value = false;
  };
  return (
    <Dialog title={`Delete ${isolated(agent.name)}?`} testid="delete-dialog">
      {isFound(agent) && (
        <p class="warning">This is your own tmux session, not one that Consort created. Deleting it closes it in tmux.</p>
      )}
      <p>This cannot be undone. You lose:</p>
      <ul class="losses">{losses(agent).map((loss) => <li key={loss}>{loss}</li>)}</ul>
      {problem.value !== "" && <p class="field-error" role="alert">{problem.value}</p>}
      <div class="button-row">
        <button class="button" autofocus onClick={() => (app.dialog.value = null)}>Keep it</button>
        <button class="button danger" data-testid="confirm-delete" disabled={busy.value} onClick={() => void remove()}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
