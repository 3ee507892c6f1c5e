// One agent: who it is and how it is, what can be done with it, its terminals, its notes.

import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { stateSentence, stateWord } from "../model/agents";
import { nameProblem, namesakes, namesakeWarning } from "../model/names";
import { plural } from "../model/format";
import { rankAgents } from "../model/quick-switch";
import { agentsMeant } from "../model/route";
import { compareNames } from "../model/tree";
import { tabLabel } from "../model/tabs";
import { windowLayout } from "../model/window-layout";
import type { Agent, TerminalInfo } from "../protocol/types";
import { AgentActions } from "./agent-actions";
import { useApp } from "./context";
import { DetailsPanel } from "./details-panel";
import { Host } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";
import { titleIfCut } from "./tooltip";
import { StoppedPane, TerminalPane } from "./terminal-pane";

/** Without three letters and an ellipsis, a level this short saves nothing. */
const UNCUT_LETTERS = 4;

export function AgentView({ id }: { id: string }): JSX.Element {
  const app = useApp();
  // One that is closed while it is on the screen stays there with its name and what it showed last.
  const last = useRef<Agent | null>(null);
  const current = app.agent.value;
  last.current = current ?? last.current;
  const agent = last.current;
  const lastTerminal = useRef<number | null>(null);
  if (agent === null) return app.store.loaded.value ? <UnknownAgent id={id} /> : <div class="agent" />;

  const gone = current === null;
  const wanted = app.route.value.terminal ?? lastTerminal.current;
  const terminal = gone ? null : app.terminalOf(agent, wanted);
  // A terminal that has just ended stays on the screen with what it last showed.
  const shown = terminal?.id ?? lastTerminal.current;
  lastTerminal.current = shown;
  return (
    <div class="agent" data-testid="agent-view" data-agent-id={agent.id} data-gone={gone}>
      <AgentHeader agent={agent} gone={gone} />
      {!gone && agent.terminals.length > 1 && <TerminalTabs agent={agent} shown={shown} />}
      <div class="agent-body">
        {shown === null ? (
          <StoppedPane agent={agent} gone={gone} />
        ) : (
          <TerminalPane key={agent.id} agent={agent} terminal={shown} gone={gone} />
        )}
        {!gone && app.preferences.detailsOpen.value && <DetailsPanel agent={agent} />}
      </div>
    </div>
  );
}

/** There is none, or more than one of that name. */
function UnknownAgent({ id }: { id: string }): JSX.Element {
  const app = useApp();
  const { store } = app;
  const meant = agentsMeant(app.route.value, store.agents.value, store.nodes.value);
  if (meant.length > 1) {
    return (
      <div class="home">
        <div class="home-card" data-testid="ambiguous">
          <h1>Which “<bdi>{id}</bdi>”?</h1>
          <p>{plural(meant.length, "agent")} have this name.</p>
          <Candidates agents={meant.sort((a, b) => compareNames(store.addressOf(a), store.addressOf(b)))} />
          <button class="button" onClick={() => app.goHome()}>Back to the start</button>
        </div>
      </div>
    );
  }
  const name = app.preferences.recent.value.find((recent) => recent.id === id)?.name;
  const similar = name === undefined ? rankAgents([...store.agents.value.values()], id.replace(/@.*$/, ""), [], null).slice(0, 5).map(({ agent }) => agent) : [];
  return (
    <div class="home">
      <div class="home-card" data-testid="unknown">
        <h1>{name === undefined ? "No such agent" : <><bdi>{name}</bdi> is gone</>}</h1>
        <p>
          {name === undefined ? <>There is no agent named “<bdi>{id}</bdi>”. It may have another name now, or it </> : "It "}
          was deleted, or its tmux session was closed.
        </p>
        {similar.length > 0 && (
          <>
            <p>Similar names:</p>
            <Candidates agents={similar} />
          </>
        )}
        <button class="button" onClick={() => app.goHome()}>Back to the start</button>
      </div>
    </div>
  );
}

function Candidates({ agents }: { agents: readonly Agent[] }): JSX.Element {
  const app = useApp();
  return (
    <ul class="agent-cards candidates" data-testid="candidates">
      {agents.map((agent) => (
        <li key={agent.id}>
          <button class="agent-card" onClick={() => app.open(agent.id)}>
            <StateGlyph kind={agent.state.kind} />
            <span class="agent-card-name"><bdi>{app.store.addressOf(agent)}</bdi></span>
            <span class="agent-card-state">{stateSentence(agent, app.now.value)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function AgentHeader({ agent, gone }: { agent: Agent; gone: boolean }): JSX.Element {
  const app = useApp();
  const { detailsOpen } = app.preferences;
  const renaming = !gone && app.renaming.value === agent.id;
  return (
    <header class={`agent-header ${renaming ? "renaming" : ""}`}>
      <button class="icon-button back-button" aria-label="Back to the list" onClick={() => app.goHome()}>
        <Icon name="back" />
      </button>
      {app.lastGrid.value !== null && (
        <button class="icon-button" data-testid="back-to-grid" aria-label="Back to the terminals side by side" title="Back to the terminals side by side (Ctrl+Shift+G; Esc outside the terminal)" onClick={() => app.switchGrid()}>
          <Icon name="grid" />
        </button>
      )}
      <div class="agent-identity">
        {renaming ? <RenameField agent={agent} /> : <AgentName agent={agent} gone={gone} />}
        {!renaming && <HeaderState agent={agent} gone={gone} />}
      </div>
      {!gone && !app.space.narrow.value && <AgentActions agent={agent} />}
      {!gone && (
        <button
          class={`icon-button action ${detailsOpen.value ? "active" : ""}`}
          data-testid="details-toggle"
          aria-pressed={detailsOpen.value}
          aria-label="Notes and details"
          title="Notes and details (i)"
          onClick={() => (detailsOpen.value = !detailsOpen.value)}
        >
          <Icon name="panel" /> <span class="action-label">Notes</span>
        </button>
      )}
    </header>
  );
}

function HeaderState({ agent, gone }: { agent: Agent; gone: boolean }): JSX.Element {
  const app = useApp();
  const node = app.store.nodeOf(agent);
  const cut = node !== null && !node.reachable;
  const known = cut
    ? `${app.store.machineSentence(node, app.now.value)}. Last known: ${stateWord(agent)}`
    : app.isStale.value ? `Last known: ${stateWord(agent)}` : stateSentence(agent, app.now.value);
  const kind = gone ? "exited" : cut ? "unknown" : agent.state.kind;
  const sentence = gone ? "Closed" : known;
  return (
    <div class="agent-state" data-testid="agent-state" data-state={kind} {...titleIfCut(sentence)}>
      <Host agent={agent} />
      <button class="state-button" data-testid="explain-button" disabled={gone} aria-label={`${sentence}: why`} onClick={() => (app.dialog.value = { kind: "explain", agent })}>
        <StateGlyph kind={kind} />
        <span>{sentence}</span>
      </button>
      {!gone && (agent.queued ?? 0) > 0 && (
        <button class="state-button queued" data-testid="queued-button" onClick={() => (app.dialog.value = { kind: "prompt", agent })}>{plural(agent.queued!, "text")} queued</button>
      )}
    </div>
  );
}

function AgentName({ agent, gone }: { agent: Agent; gone: boolean }): JSX.Element {
  const app = useApp();
  const hue = agent.path[0] === undefined ? undefined : app.store.hues.value[agent.path[0]];
  return (
    <h1 class="agent-name" data-testid="agent-name" style={hue === undefined ? {} : { "--hue": hue }}>
      {agent.path.map((segment, index) => (
        <span key={index} class={`crumb ${segment.length <= UNCUT_LETTERS ? "short" : ""}`} style={{ "--letters": Math.min(3, segment.length) }}>
          {index === 0 && <span class="swatch" />}
          <span class="crumb-text"><bdi>{segment}</bdi></span>
        </span>
      ))}
      <button class="agent-leaf" style={{ "--letters": Math.min(6, agent.leaf.length) }} disabled={gone} aria-label={`${agent.leaf}: rename`} title={`${agent.name}: rename (F2)`} data-testid="rename-button" onClick={() => (app.renaming.value = agent.id)}>
        <span class="crumb-text"><bdi>{agent.leaf}</bdi></span>
        <Icon name="edit" />
      </button>
    </h1>
  );
}

function RenameField({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const input = useRef<HTMLInputElement>(null);
  const name = useSignal(agent.name);
  const refused = useSignal("");
  const problem = nameProblem(name.value) ?? refused.value;
  const { store } = app;
  const warning = problem !== "" || name.value === agent.name ? "" : namesakeWarning(name.value, store.machinesOf(namesakes(store.agents.value.values(), name.value, agent.node, agent.id)));
  useLayoutEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);

  // Taking the field away blurs it, which must not save what was just given up.
  const closed = useRef(false);
  const anyway = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    closed.current = true;
    app.renaming.value = null;
  };
  const save = async (): Promise<void> => {
    if (closed.current) return;
    if (name.value === agent.name || name.value === "") return close();
    if (nameProblem(name.value) !== null) return;
    try {
      app.store.put(await app.api.changeAgent(agent.id, { name: name.value }));
      close();
    } catch (error) {
      refused.value = error instanceof Error ? error.message : "Could not rename.";
    }
  };
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h1 class="visually-hidden"><bdi>{agent.name}</bdi></h1>
      <input
        ref={input}
        data-testid="rename-input"
        dir="auto"
        aria-label={`New name of ${agent.name}`}
        aria-invalid={problem !== ""}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={name.value}
        onInput={(event) => {
          name.value = event.currentTarget.value;
          refused.value = "";
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") close();
          if (event.key !== "Enter" || warning === "") return;
          // A name that another agent has is taken only on purpose.
          event.preventDefault();
          anyway.current?.focus();
        }}
        onBlur={() => problem === "" && warning === "" && void save()}
      />
      {warning !== "" && (
        <>
          <span class="warning" role="alert" data-testid="namesake-warning">{warning}</span>
          <button ref={anyway} class="button small" data-testid="rename-anyway" onKeyDown={(event) => event.key === "Escape" && close()}>Rename anyway</button>
        </>
      )}
      {problem !== "" && <span class="field-error" role="alert">{problem}</span>}
    </form>
  );
}

function TerminalTabs({ agent, shown }: { agent: Agent; shown: number | null }): JSX.Element {
  const app = useApp();
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const index = agent.terminals.findIndex((terminal) => terminal.id === shown);
    const next = agent.terminals[(index + step + agent.terminals.length) % agent.terminals.length]!;
    app.open(agent.id, { terminal: next.id, focus: false });
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.tab[tabindex="0"]')?.focus());
  };
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ inline: "nearest", block: "nearest" });
  }, [shown]);
  return (
    <div class="tabs-bar">
      <div ref={list} class="tabs" role="tablist" aria-label="Terminals" data-testid="terminal-tabs" onKeyDown={onKeyDown}>
        {agent.terminals.map((terminal) => (
          <Tab key={terminal.id} agent={agent} terminal={terminal} selected={terminal.id === shown} />
        ))}
      </div>
      {shown !== null && <PanesTogether agent={agent} shown={shown} />}
    </div>
  );
}

/** Shows all panes of the window, or one; only where there are several, and room for them. */
function PanesTogether({ agent, shown }: { agent: Agent; shown: number }): JSX.Element | null {
  const app = useApp();
  const { panesTogether } = app.preferences;
  if (app.space.narrow.value || windowLayout(agent.terminals, shown) === null) return null;
  const label = "All panes of this window, as tmux lays them out";
  return (
    <button
      class={`icon-button tabs-tool ${panesTogether.value ? "active" : ""}`}
      data-testid="panes-together"
      aria-pressed={panesTogether.value}
      aria-label={label}
      title={label}
      onClick={() => (panesTogether.value = !panesTogether.value)}
    >
      <Icon name="panes" />
    </button>
  );
}

function Tab({ agent, terminal, selected }: { agent: Agent; terminal: TerminalInfo; selected: boolean }): JSX.Element {
  const app = useApp();
  const { window, pane, text } = tabLabel(agent.terminals, terminal);
  const paneName = pane === null ? "" : `pane ${pane}`;
  return (
    <button
      class="tab"
      role="tab"
      data-testid="terminal-tab"
      data-terminal={terminal.id}
      aria-selected={selected}
      tabIndex={selected ? 0 : -1}
      title={[window, paneName, terminal.command, terminal.title].filter(Boolean).join(" · ")}
      onClick={() => app.open(agent.id, { terminal: terminal.id })}
    >
      <span class="tab-window"><bdi>{window}</bdi></span>
      {pane !== null && <span class="tab-pane">{paneName}</span>}
      {text !== "" && <span class="tab-title"><bdi>{text}</bdi></span>}
      {terminal.exit_code !== null && <span class="tab-exit">exit {terminal.exit_code}</span>}
    </button>
  );
}
