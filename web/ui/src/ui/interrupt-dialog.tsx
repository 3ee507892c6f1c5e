// Asks before a running program is ended, and says what that costs.

import type { JSX } from "preact";
import { stateSentence } from "../model/agents";
import { isolated } from "../model/format";
import { runningPrograms } from "../model/losses";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { NextStartLine, useNextStart } from "./next-start";
import { StateGlyph } from "./state-glyph";

const WORDS = {
  stop: { title: "Stop", after: "Its name, notes and settings stay; it can be started again." },
  restart: { title: "Restart", after: "It starts again with the same program in the same directory." },
};

export function InterruptDialog({ agent: opened, verb }: { agent: Agent; verb: "stop" | "restart" }): JSX.Element {
  const app = useApp();
  const agent = app.store.agents.value.get(opened.id) ?? opened;
  const programs = runningPrograms(agent);
  const { title, after } = WORDS[verb];
  const start = useNextStart(agent);
  const resumes = verb === "restart" && start?.resumes != null;
  const run = (fresh = false): void => {
    app.dialog.value = null;
    void app.run(agent, verb, fresh);
  };
  return (
    <Dialog title={`${title} ${isolated(agent.name)}?`} testid="interrupt-dialog">
      <p class="state-line"><StateGlyph kind={agent.state.kind} /> {stateSentence(agent, app.now.value)}</p>
      <p>
        {programs.length > 0 ? `This ends ${programs.join(", ")}` : "This ends its session"} and clears the screen and its
        scrollback. {after}
      </p>
      {verb === "restart" && <NextStartLine start={start} />}
      <div class="button-row">
        <button class="button" autofocus onClick={() => (app.dialog.value = null)}>Cancel</button>
        {resumes && <button class="button danger" data-testid="interrupt-fresh" onClick={() => run(true)}>{title} with a new conversation</button>}
        <button class="button danger" data-testid="confirm-interrupt" onClick={() => run()}>{title}</button>
      </div>
    </Dialog>
  );
}
