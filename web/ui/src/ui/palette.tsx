// Opens an agent or does something else by a few letters of its name. One key opens and closes it, in a terminal and outside of one.

import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { pageCommands, type Command } from "../app/commands";
import { isPaletteKey } from "../app/shortcuts";
import { agentTitle, stateWord } from "../model/agents";
import { formatAge } from "../model/format";
import { paletteEntries, type Entry } from "../model/palette";
import { lastLines } from "../model/screen-text";
import { stateSince } from "../model/store";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Host } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";

export function Palette(): JSX.Element {
  const app = useApp();
  const query = useSignal("");
  const chosen = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  // They are about what was on the screen when it was opened.
  const commands = useRef<readonly Command[] | null>(null);
  commands.current ??= pageCommands(app);
  const entries = useComputed(() => {
    const recent = app.preferences.recent.value.map(({ id }) => id);
    return paletteEntries(query.value, [...app.store.agents.value.values()], commands.current!, recent, app.route.value.agent);
  });
  const entry = entries.value[chosen.value];

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen.value]);

  const run = (wanted: Entry<Command> | undefined): void => {
    if (wanted === undefined || (wanted.kind === "command" && (wanted.command.refusal ?? "") !== "")) return;
    app.dialog.value = null;
    // After the dialog has given the keyboard back.
    requestAnimationFrame(() => (wanted.kind === "agent" ? app.open(wanted.agent.id) : wanted.command.run()));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const count = entries.value.length;
    if (isPaletteKey(event)) app.dialog.value = null;
    else if (event.key === "Enter") run(entry);
    else if (event.key === "ArrowDown" && count > 0) chosen.value = (chosen.value + 1) % count;
    else if (event.key === "ArrowUp" && count > 0) chosen.value = (chosen.value - 1 + count) % count;
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Agents and commands" testid="quick-switch" bare>
      <input
        class="quick-input"
        data-testid="quick-switch-input"
        autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls="quick-list"
        aria-activedescendant={`quick-${chosen.value}`}
        aria-label="Find an agent or a command"
        placeholder="Find an agent or a command…"
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        value={query.value}
        onInput={(event) => {
          query.value = event.currentTarget.value;
          chosen.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <div class="quick-body">
        <ul ref={list} id="quick-list" class="quick-list" role="listbox" aria-label="Agents and commands">
          {entries.value.map((each, index) => (
            <li
              key={each.kind === "agent" ? each.agent.id : `command ${each.command.id}`}
              id={`quick-${index}`}
              role="option"
              data-agent-id={each.kind === "agent" ? each.agent.id : undefined}
              data-command={each.kind === "command" ? each.command.id : undefined}
              aria-selected={index === chosen.value}
              aria-disabled={each.kind === "command" && (each.command.refusal ?? "") !== ""}
              onPointerMove={() => (chosen.value = index)}
              onClick={() => run(each)}
            >
              {each.kind === "agent" ? <AgentEntry agent={each.agent} at={each.at} /> : <CommandEntry command={each.command} at={each.at} />}
            </li>
          ))}
        </ul>
        {!app.space.narrow.value && entry?.kind === "agent" && <Preview key={entry.agent.id} agent={entry.agent} />}
      </div>
      {entries.value.length === 0 && <p class="quick-none" role="status">No agent or command matches.</p>}
    </Dialog>
  );
}

function AgentEntry({ agent, at }: { agent: Agent; at: readonly number[] }): JSX.Element {
  const app = useApp();
  return (
    <>
      <StateGlyph kind={agent.state.kind} />
      <span class="quick-name"><bdi><Marked text={agent.name} at={at} /></bdi></span>
      <Host agent={agent} />
      <span class="quick-title"><bdi>{agentTitle(agent)}</bdi></span>
      <span class={`quick-state age-${agent.state.kind}`}>{stateWord(agent)}</span>
      <span class="quick-age">{formatAge(app.now.value - stateSince(agent))}</span>
    </>
  );
}

function CommandEntry({ command, at }: { command: Command; at: readonly number[] }): JSX.Element {
  return (
    <>
      <Icon name="chevron" />
      <span class="quick-name"><Marked text={command.label} at={at} /></span>
      <span class="quick-title">{command.refusal}</span>
      {command.keys !== undefined && <kbd>{command.keys}</kbd>}
    </>
  );
}

function Marked({ text, at }: { text: string; at: readonly number[] }): JSX.Element {
  const marked = new Set(at);
  return <>{text.split("").map((letter, index) => (marked.has(index) ? <b key={index}>{letter}</b> : letter))}</>;
}

/** Who only passes by in the list is not looked at. */
const LOOK_AFTER_MS = 150;
const PREVIEW_LINES = 40;

/** The end of an agent's screen, as it was when it was chosen. */
function Preview({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const screen = useSignal<string | null>(null);
  const reachable = app.store.isReachable(agent);
  const possible = reachable && agent.running && app.isLive.value;
  useEffect(() => {
    if (!possible) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      app.api.screen(agent.id, abort.signal).then(
        (text) => (screen.value = lastLines(text, PREVIEW_LINES)),
        () => undefined,
      );
    }, LOOK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [agent.id, possible]);
  const without = !reachable ? "Its machine cannot be reached." : !agent.running ? "It is not running." : "";
  return (
    <div class="quick-preview" data-testid="preview" aria-hidden="true">
      {without !== "" ? <p class="dim">{without}</p> : <pre>{screen.value}</pre>}
    </div>
  );
}
