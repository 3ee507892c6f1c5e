// Opens an agent by a few letters of its name.

import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { agentTitle, stateWord } from "../model/agents";
import { formatAge } from "../model/format";
import { rankAgents, type Hit } from "../model/quick-switch";
import { stateSince } from "../model/store";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Host } from "./host-badge";
import { StateGlyph } from "./state-glyph";

export function QuickSwitch(): JSX.Element {
  const app = useApp();
  const query = useSignal("");
  const chosen = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  const hits = useComputed(() => {
    const recent = app.preferences.recent.value.map(({ id }) => id);
    return rankAgents([...app.store.agents.value.values()], query.value, recent, app.route.value.agent);
  });

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen.value]);

  const open = (hit: Hit | undefined): void => {
    if (hit === undefined) return;
    app.dialog.value = null;
    // After the dialog has given the keyboard back.
    requestAnimationFrame(() => app.open(hit.agent.id));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const count = hits.value.length;
    if (event.key === "Enter") open(hits.value[chosen.value]);
    else if (event.key === "ArrowDown" && count > 0) chosen.value = (chosen.value + 1) % count;
    else if (event.key === "ArrowUp" && count > 0) chosen.value = (chosen.value - 1 + count) % count;
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Switch to an agent" testid="quick-switch" bare>
      <input
        class="quick-input"
        data-testid="quick-switch-input"
        autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls="quick-list"
        aria-activedescendant={`quick-${chosen.value}`}
        aria-label="Switch to an agent"
        placeholder="Switch to an agent…"
        autocomplete="off"
        spellcheck={false}
        value={query.value}
        onInput={(event) => {
          query.value = event.currentTarget.value;
          chosen.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id="quick-list" class="quick-list" role="listbox" aria-label="Agents">
        {hits.value.map((hit, index) => (
          <li
            key={hit.agent.id}
            id={`quick-${index}`}
            role="option"
            data-agent-id={hit.agent.id}
            aria-selected={index === chosen.value}
            onPointerMove={() => (chosen.value = index)}
            onClick={() => open(hit)}
          >
            <StateGlyph kind={hit.agent.state.kind} />
            <span class="quick-name"><Marked text={hit.agent.name} at={hit.at} /></span>
            <Host agent={hit.agent} />
            <span class="quick-title">{agentTitle(hit.agent)}</span>
            <span class={`quick-state age-${hit.agent.state.kind}`}>{stateWord(hit.agent)}</span>
            <span class="quick-age">{formatAge(app.now.value - stateSince(hit.agent))}</span>
          </li>
        ))}
        {hits.value.length === 0 && <li class="quick-none">No agent matches.</li>}
      </ul>
    </Dialog>
  );
}

function Marked({ text, at }: { text: string; at: readonly number[] }): JSX.Element {
  const marked = new Set(at);
  return <>{[...text].map((letter, index) => (marked.has(index) ? <b key={index}>{letter}</b> : letter))}</>;
}
