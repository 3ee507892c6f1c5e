// One act for one or several agents: shows what it would do with each, asks, and says what came of it.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { App } from "../app/app";
import { whyUntouchable } from "../app/refusals";
import { planFor, tagsIn, type BulkPlan, type BulkVerb } from "../model/bulk";
import { isolated, plural } from "../model/format";
import { ApiError } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Field } from "./field";
import { Host } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";

type Outcome = "under way" | "done" | { readonly problem: string };

const VERBS: Record<BulkVerb, string> = { start: "Start", stop: "Stop", tag: "Tag", send: "Send to" };
const DONE: Record<BulkVerb, string> = { start: "started", stop: "stopped", tag: "tagged", send: "sent" };

export function BulkDialog({ verb, agents: ids }: { verb: BulkVerb; agents: readonly string[] }): JSX.Element {
  const app = useApp();
  const text = useSignal("");
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const outcomes = useSignal<ReadonlyMap<string, Outcome>>(new Map());
  // The plan that was agreed to stays while it is carried out.
  const agreed = useRef<readonly (readonly [Agent, BulkPlan])[] | null>(null);
  const rows = agreed.current ?? ids.flatMap((id) => {
    const agent = app.store.agents.value.get(id);
    return agent === undefined ? [] : [[agent, planFor(verb, agent, whyUntouchable(app, agent))] as const];
  });
  const meant = rows.filter(([{ id }, plan]) => plan.skipped === "" || (plan.choosable && chosen.value.has(id))).map(([agent]) => agent);
  const needsText = verb === "tag" || verb === "send";
  const tags = tagsIn(text.value);
  const empty = verb === "tag" ? tags.length === 0 : verb === "send" && text.value.trim() === "";
  const running = [...outcomes.value.values()].includes("under way");

  const run = async (): Promise<void> => {
    if (agreed.current !== null || empty || meant.length === 0) return;
    agreed.current = rows;
    const set = (id: string, outcome: Outcome): void => void (outcomes.value = new Map(outcomes.value).set(id, outcome));
    await Promise.all(meant.map(async (agent) => {
      set(agent.id, "under way");
      try {
        await act(app, verb, agent, verb === "tag" ? tags : text.value, chosen.value.has(agent.id));
        set(agent.id, "done");
      } catch (error) {
        set(agent.id, { problem: error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : (error as Error).message });
      }
    }));
    // Nothing is left to read if all of it worked.
    if ([...outcomes.value.values()].every((outcome) => outcome === "done")) {
      app.dialog.value = null;
      app.notices.show("info", `${plural(meant.length, "agent")} ${DONE[verb]}.`);
    }
  };
  const title = rows.length === 1 ? `${VERBS[verb]} ${isolated(rows[0]![0].name)}` : `${VERBS[verb]} ${plural(rows.length, "agent")}`;
  return (
    <Dialog title={needsText ? title : `${title}?`} testid="bulk-dialog">
      <form
        class="plain-form bulk-form"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {verb === "tag" && (
          <Field label="Tags to add" id="bulk-text">
            <input id="bulk-text" data-testid="bulk-text" autofocus autocomplete="off" autocapitalize="off" dir="auto" placeholder="urgent, review" value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
          </Field>
        )}
        {verb === "send" && (
          <Field label="Text" id="bulk-text" hint={<span class="hint">Typed into each terminal, followed by Enter.</span>}>
            <textarea id="bulk-text" data-testid="bulk-text" autofocus rows={3} dir="auto" value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
          </Field>
        )}
        <ul class="bulk-list" tabIndex={0} aria-label="Agents">
          {rows.map(([agent, plan]) => (
            <li key={agent.id} data-agent-id={agent.id} class={plan.skipped !== "" && !chosen.value.has(agent.id) ? "skipped" : ""}>
              <StateGlyph kind={agent.state.kind} />
              <span class="bulk-name"><bdi>{agent.name}</bdi></span>
              <Host agent={agent} />
              <BulkState plan={plan} outcome={outcomes.value.get(agent.id)} />
              {verb === "tag" && rows.length === 1 && <CurrentTags agent={app.store.agents.value.get(agent.id) ?? agent} />}
              {(plan.choosable || plan.queued) && agreed.current === null && (
                <label class="check">
                  <input
                    type="checkbox"
                    data-testid="bulk-choose"
                    aria-label={`${plan.queued ? "now: send" : "anyway: send"} it to ${agent.name}`}
                    checked={chosen.value.has(agent.id)}
                    onChange={(event) => {
                      const next = new Set(chosen.value);
                      if (event.currentTarget.checked) next.add(agent.id);
                      else next.delete(agent.id);
                      chosen.value = next;
                    }}
                  />
                  {plan.queued ? "now" : "anyway"}
                </label>
              )}
            </li>
          ))}
        </ul>
        {verb === "stop" && meant.length > 0 && <p>Their screens and scrollbacks are lost. Names, notes and settings stay; they can be started again.</p>}
        <div class="button-row">
          {agreed.current !== null && !running ? (
            <button class="button primary" type="button" data-testid="bulk-close" onClick={() => (app.dialog.value = null)}>Close</button>
          ) : (
            <>
              <button class="button" type="button" autofocus={!needsText} onClick={() => (app.dialog.value = null)}>Cancel</button>
              <button class={`button ${verb === "stop" ? "danger" : "primary"}`} data-testid="bulk-run" disabled={empty || meant.length === 0 || running || !app.isLive.value}>
                {running ? "Under way…" : `${VERBS[verb]} ${plural(meant.length, "agent")}`}
              </button>
            </>
          )}
        </div>
      </form>
    </Dialog>
  );
}

function BulkState({ plan, outcome }: { plan: BulkPlan; outcome: Outcome | undefined }): JSX.Element {
  if (outcome === undefined) return <span class="bulk-state">{plan.skipped === "" ? plan.effect : plan.skipped}</span>;
  if (typeof outcome === "object") return <span class="bulk-state field-error" role="alert">{outcome.problem}</span>;
  return <span class="bulk-state" role="status">{outcome === "done" ? "✓ done" : "…"}</span>;
}

/** To take tags away. */
function CurrentTags({ agent }: { agent: Agent }): JSX.Element | null {
  const app = useApp();
  if (agent.tags.length === 0) return null;
  return (
    <span class="tags">
      {agent.tags.map((tag) => (
        <span key={tag} class="tag">
          <bdi>{tag}</bdi>
          <button type="button" aria-label={`Remove the tag ${tag}`} onClick={() => void app.change(agent, { tags: agent.tags.filter((other) => other !== tag) })}>
            <Icon name="close" />
          </button>
        </span>
      ))}
    </span>
  );
}

/** `chosen`: also if it waits for an answer, or now although it works. */
async function act(app: App, verb: BulkVerb, agent: Agent, input: string | readonly string[], chosen: boolean): Promise<void> {
  const now = app.store.agents.peek().get(agent.id) ?? agent;
  if (verb === "tag") {
    const tags = [...new Set([...now.tags, ...(input as readonly string[])])];
    app.store.put(await app.api.changeAgent(agent.id, { tags }));
  } else if (verb === "send") {
    if (now.state.kind === "waiting" && !chosen) throw new Error("It waits for an answer now: nothing was sent.");
    if (now.state.kind === "working" && !chosen) return app.api.enqueue(agent.id, input as string);
    const submitted = await app.api.send(agent.id, input as string, { anyway: chosen && now.state.kind === "waiting", now: chosen });
    if (!submitted) throw new Error("The text is on its line, but was not sent: open it and press Enter.");
  } else {
    app.store.put(await app.api.run(agent.id, verb));
  }
}
