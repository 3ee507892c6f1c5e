// Under the list while agents are selected: how many, and what can be done with all of them.

import type { JSX } from "preact";
import { bulk } from "../app/commands";
import type { BulkVerb } from "../model/bulk";
import { plural } from "../model/format";
import { useApp } from "./context";
import { Icon } from "./icons";

const VERBS: readonly (readonly [BulkVerb, string])[] = [["start", "Start"], ["stop", "Stop"], ["tag", "Tag"], ["send", "Send text"]];

export function SelectionBar(): JSX.Element | null {
  const app = useApp();
  const agents = app.selected.value;
  if (agents.length === 0 && !app.selecting.value) return null;
  return (
    <div class="selection-bar" role="group" aria-label="Selected agents" data-testid="selection-bar">
      <span class="selection-count" role="status">{agents.length === 0 ? "Tap agents to select them" : `${plural(agents.length, "agent")} selected`}</span>
      <button class="icon-button" aria-label="Clear the selection" title="Clear the selection (Esc)" data-testid="clear-selection" onClick={() => app.clearSelection()}>
        <Icon name="close" />
      </button>
      <div class="selection-actions">
        <button class="button small" data-testid="selected-grid" disabled={agents.length === 0} onClick={() => app.showGrid({ kind: "agents", ids: agents.map(({ id }) => id) })}>Side by side</button>
        {VERBS.map(([verb, label]) => (
          <button key={verb} class="button small" data-testid={`selected-${verb}`} disabled={agents.length === 0} onClick={() => bulk(app, verb, agents)}>{label}</button>
        ))}
      </div>
    </div>
  );
}
