// A text for one agent: typed now, or kept until it is idle; and what is kept for it already, to be changed or taken back.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { whyNotChange } from "../app/refusals";
import { stateSentence } from "../model/agents";
import { isolated, plural } from "../model/format";
import { promptChoices, type PromptWay } from "../model/prompt";
import { ApiError, type Queue, type QueuedText } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";

/** What is typed leaves the list without anybody here doing anything. */
const ASK_EVERY_MS = 2_000;
const LABELS: Record<PromptWay, string> = { send: "Send", queue: "Queue", now: "Send now", anyway: "Send anyway" };

export function PromptDialog({ agent: opened }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const agent = app.store.agent(opened.id) ?? opened;
  const text = useSignal("");
  const busy = useSignal(false);
  const problem = useSignal("");
  const queue = useSignal<Queue | null>(null);
  const { ways, hint } = promptChoices(agent);
  const refusal = whyNotChange(app, agent);
  useEffect(() => {
    const abort = new AbortController();
    const ask = (): void => {
      if (app.isLive.peek()) app.api.queue(opened.id, abort.signal).then((known) => (queue.value = known), () => undefined);
    };
    ask();
    const timer = setInterval(ask, ASK_EVERY_MS);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [opened.id, agent.queued]);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    problem.value = "";
    try {
      await work();
    } catch (error) {
      problem.value = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : String(error);
    }
    busy.value = false;
  };
  const send = (way: PromptWay): Promise<void> =>
    attempt(async () => {
      if (text.value.trim() === "" || refusal !== "") return;
      if (way === "queue") {
        await app.api.enqueue(agent.id, text.value);
        text.value = "";
        queue.value = await app.api.queue(agent.id, new AbortController().signal);
      } else {
        const submitted = await app.api.send(agent.id, text.value, { anyway: way === "anyway", now: way !== "send" });
        app.dialog.value = null;
        if (submitted) app.notices.show("info", `Sent to ${isolated(agent.name)}.`);
        else app.notices.show("warning", `The text is on the line of ${isolated(agent.name)}, but was not sent.`, { hint: "Open the agent and press Enter, or see what keeps it." });
      }
    });
  const edit = (run: () => Promise<Queue>): Promise<void> => attempt(async () => void (queue.value = await run()));
  const waiting = queue.value?.texts ?? [];
  return (
    <Dialog title={`Send to ${isolated(agent.name)}`} testid="prompt-dialog" wide>
      <form
        class="plain-form prompt-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send(ways[0]!);
        }}
      >
        <p class="tooltip-state"><StateGlyph kind={agent.state.kind} /> {stateSentence(agent, app.now.value)}</p>
        <Field label="Text" id="prompt-text" problem={problem.value} hint={<span class="hint">{refusal === "" ? hint : `${refusal}.`}</span>}>
          <textarea
            id="prompt-text"
            data-testid="prompt-text"
            autofocus
            rows={4}
            dir="auto"
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              void send(ways[0]!);
            }}
          />
        </Field>
        <div class="button-row">
          <button class="button" type="button" onClick={() => (app.dialog.value = null)}>Close</button>
          {[...ways].reverse().map((way) => (
            <button
              key={way}
              class={`button ${way === ways[0] ? "primary" : ""}`}
              type={way === ways[0] ? "submit" : "button"}
              data-testid={`prompt-${way}`}
              disabled={refusal !== "" || busy.value || text.value.trim() === ""}
              onClick={way === ways[0] ? undefined : () => void send(way)}
            >
              {LABELS[way]}
            </button>
          ))}
        </div>
      </form>
      {waiting.length > 0 && (
        <section class="queue" aria-label="Queue" data-testid="queue">
          <h3>{plural(waiting.length, "text")} queued</h3>
          <p class="dim">{queue.value!.held === "" ? "The first one is sent as soon as it is idle." : `The first one is not sent yet: ${queue.value!.held}.`}</p>
          <ol>
            {waiting.map((each) => (
              <Queued
                key={each.number}
                queued={each}
                busy={busy.value || refusal !== ""}
                save={(changed) => edit(() => app.api.editQueued(agent.id, each.number, changed))}
                cancel={() => edit(() => app.api.cancelQueued(agent.id, each.number))}
              />
            ))}
          </ol>
        </section>
      )}
    </Dialog>
  );
}

function Queued({ queued, busy, save, cancel }: { queued: QueuedText; busy: boolean; save: (text: string) => Promise<void>; cancel: () => Promise<void> }): JSX.Element {
  const draft = useSignal<string | null>(null);
  const begin = queued.text.trim().slice(0, 40);
  const typing = queued.state === "typing";
  if (draft.value !== null) {
    return (
      <li class="queued-text" data-testid="queued-text">
        <textarea class="queued-draft" data-testid="queued-draft" rows={3} dir="auto" aria-label={`Change “${begin}”`} value={draft.value} onInput={(event) => (draft.value = event.currentTarget.value)} />
        <div class="button-row">
          <button class="button small" type="button" onClick={() => (draft.value = null)}>Keep it</button>
          <button class="button small primary" type="button" data-testid="queued-save" disabled={busy || draft.value.trim() === ""} onClick={() => void save(draft.value!).then(() => (draft.value = null))}>Save</button>
        </div>
      </li>
    );
  }
  return (
    <li class="queued-text" data-testid="queued-text" data-state={queued.state}>
      <pre dir="auto" tabIndex={0} aria-label={`Queued text ${begin}`}>{queued.text}</pre>
      <span class="queued-tools">
        {typing ? <span class="dim">being sent…</span> : (
          <>
            {queued.state === "unknown" && <button class="button small" type="button" disabled={busy} onClick={() => void save(queued.text)}>Send again</button>}
            <button class="icon-button" type="button" data-testid="queued-edit" title="Change" aria-label={`Change “${begin}”`} disabled={busy} onClick={() => (draft.value = queued.text)}><Icon name="edit" /></button>
            <button class="icon-button" type="button" data-testid="queued-cancel" title="Take it back" aria-label={`Take “${begin}” back`} disabled={busy} onClick={() => void cancel()}><Icon name="close" /></button>
          </>
        )}
      </span>
      {queued.state === "unknown" && <p class="warning">It may have been sent or not: {queued.why}</p>}
    </li>
  );
}
