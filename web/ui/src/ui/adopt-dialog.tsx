// Takes over a session that was found: shows what runs in it, and how it is started from then on.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { whyNotAdopt } from "../app/refusals";
import { processIn, processLine } from "../model/adopt";
import { isolated } from "../model/format";
import { ApiError } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";

export function AdoptDialog({ agent: opened }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const agent = app.store.agent(opened.id) ?? opened;
  /** Null: not read yet. */
  const form = useSignal<{ readonly command: string; readonly directory: string } | null>(null);
  const problem = useSignal<{ readonly field: "command" | "directory" | null; readonly text: string } | null>(null);
  const busy = useSignal(false);
  const machine = app.hasMachines.value ? app.store.nodeOf(agent) : null;
  const refusal = whyNotAdopt(app, agent);
  const failed = (error: unknown): void => {
    if (error instanceof ApiError) problem.value = { field: null, text: [error.message, error.hint].filter(Boolean).join(" ") };
  };
  useEffect(() => {
    const abort = new AbortController();
    app.api.process(opened.id, abort.signal).then((process) => {
      form.value = { command: processLine(process), directory: process.directory };
    }, failed);
    return () => abort.abort();
  }, [opened.id]);
  const set = (change: Partial<{ command: string; directory: string }>): void => {
    if (form.value !== null) form.value = { ...form.value, ...change };
    problem.value = null;
  };
  const adopt = async (): Promise<void> => {
    if (busy.value || form.value === null || refusal !== "") return;
    const process = processIn(form.value.command, form.value.directory);
    if ("problem" in process) {
      problem.value = { field: process.field, text: process.problem };
      return;
    }
    busy.value = true;
    try {
      app.store.put(await app.api.adopt(agent.id, process));
      app.dialog.value = null;
      app.notices.show("info", `${isolated(agent.name)} is adopted: it can be stopped, started and restarted here.`);
    } catch (error) {
      failed(error);
    }
    busy.value = false;
  };
  const of = (field: "command" | "directory"): string => (problem.value?.field === field ? problem.value.text : "");
  return (
    <Dialog title={`Adopt ${isolated(agent.name)}`} testid="adopt-dialog" wide>
      <form
        class="plain-form"
        onSubmit={(event) => {
          event.preventDefault();
          void adopt();
        }}
      >
        <p>
          You started this session in tmux{machine === null || machine.self ? "" : <> on <bdi>{machine.name}</bdi></>}, and it runs on as it is. Adopted, it is one of Consort's agents: it can be stopped, and
          it is started again like this, also after a reboot.
        </p>
        {form.value === null ? (
          problem.value === null && <p class="dim" role="status">Looking at what runs in it…</p>
        ) : (
          <>
            <Field label="Program" id="adopt-command" problem={of("command")} hint={<span class="hint">With its arguments, as it runs now. Empty: your shell.</span>}>
              <input
                id="adopt-command"
                class="mono"
                data-testid="adopt-command"
                autofocus
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                placeholder="your shell"
                aria-invalid={of("command") !== ""}
                value={form.value.command}
                onInput={(event) => set({ command: event.currentTarget.value })}
              />
            </Field>
            <Field label="Directory" id="adopt-directory" problem={of("directory")}>
              <input
                id="adopt-directory"
                class="mono"
                data-testid="adopt-directory"
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                aria-invalid={of("directory") !== ""}
                value={form.value.directory}
                onInput={(event) => set({ directory: event.currentTarget.value })}
              />
            </Field>
          </>
        )}
        {problem.value?.field === null && <p class="field-error" role="alert">{problem.value.text}</p>}
        {refusal !== "" && !busy.value && <p class="hint">{refusal}.</p>}
        <div class="button-row">
          <button class="button" type="button" onClick={() => (app.dialog.value = null)}>Cancel</button>
          <button class="button primary" data-testid="adopt-submit" disabled={form.value === null || busy.value || refusal !== ""}>Adopt</button>
        </div>
      </form>
    </Dialog>
  );
}
