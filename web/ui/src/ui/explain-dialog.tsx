// Why an agent is in its state: every signal with its age, and which one decided.

import type { JSX } from "preact";
import { stateNoun, stateSentence } from "../model/agents";
import { formatAge } from "../model/format";
import { hooksOf, withoutHooks } from "../model/hooks";
import type { Agent, StateSource } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { HooksPart, useExplanation } from "./hooks-part";
import { StateGlyph } from "./state-glyph";

const SOURCES: Record<StateSource, string> = {
  hook: "Report of a hook", status: "Report to the terminal", title: "Title", screen: "Screen", output: "Output", bell: "Bell or notification", process: "Process", none: "Nothing yet",
};
/** Signals come and go while somebody reads. */
const ASK_EVERY_MS = 2_000;

export function ExplainDialog({ agent: opened }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const agent = app.store.agent(opened.id) ?? opened;
  const { known, problem } = useExplanation(agent, ASK_EVERY_MS);
  const hooks = known === null ? null : hooksOf(known);
  const signals = known === null ? [] : withoutHooks(known);
  const terminals = new Set(signals.map(({ terminal }) => terminal)).size;
  return (
    <Dialog title={`Why ${agent.name} is ${stateNoun(agent.state.kind)}`} testid="explain-dialog" wide>
      <div class="explain">
        <p class="tooltip-state"><StateGlyph kind={agent.state.kind} /> {stateSentence(agent, app.now.value)}</p>
        {problem !== "" && <p class="field-error" role="alert">{problem}</p>}
        {known !== null && signals.length === 0 && <p class="dim">No signal yet.</p>}
        {signals.length > 0 && (
          <ul class="signals">
            {signals.map((signal, at) => (
              <li key={at} class={signal.decisive ? "decisive" : ""} data-testid="signal">
                {signal.says === null ? <span class="state-glyph" /> : <StateGlyph kind={signal.says} />}
                <span class="signal-source">{SOURCES[signal.source] ?? signal.source}{terminals > 1 && <span class="dim"> in {nameOfTerminal(agent, signal.terminal)}</span>}</span>
                <span class="signal-says">{signal.says === null ? "" : stateNoun(signal.says)}</span>
                <span class="signal-why"><bdi>{signal.why}</bdi></span>
                <span class="signal-age dim">{formatAge(signal.age_ms)}</span>
                {signal.decisive && <span class="signal-won">decides</span>}
              </li>
            ))}
          </ul>
        )}
        {known !== null && (
          <p class="dim" data-testid="explain-rules">
            {known.rules === "" ? "Its screen is read by the rules for programs that are not known by name." : <>Its screen is read by the rules for <b>{known.rules}</b>.</>}
            {" "}{signals.some(({ source }) => source === "hook" || source === "status") ? "" : "Its program has reported nothing by itself (no hook, no status)."}
          </p>
        )}
        {hooks !== null && (
          <section aria-labelledby="explain-hooks">
            <h3 id="explain-hooks">Hooks</h3>
            <HooksPart agent={agent} hooks={hooks} />
          </section>
        )}
      </div>
    </Dialog>
  );
}

function nameOfTerminal({ terminals }: Agent, id: number): string {
  const terminal = terminals.find((each) => each.id === id);
  return terminal === undefined ? `terminal ${id}` : `${terminal.window}.${terminal.index}`;
}
