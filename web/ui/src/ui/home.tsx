// The start page: what waits for the user, or the first step if there is nothing yet.

import type { JSX } from "preact";
import { formatAge } from "../model/format";
import { stateSince } from "../model/store";
import type { Agent, StateKind } from "../protocol/types";
import { useApp } from "./context";
import { Icon } from "./icons";
import { StateGlyph, STATE_WORDS } from "./state-glyph";

const ORDER: readonly StateKind[] = ["waiting", "done", "working", "idle", "exited", "unknown"];

export function Home(): JSX.Element {
  const { store } = useApp();
  if (!store.loaded.value) return <div class="home" data-testid="home" />;
  const agents = [...store.agents.value.values()];
  return agents.length === 0 ? <FirstSteps /> : <Overview agents={agents} />;
}

function FirstSteps(): JSX.Element {
  const app = useApp();
  return (
    <div class="home" data-testid="empty-state">
      <div class="home-card">
        <h1>No agents yet</h1>
        <p>An agent is a program in a terminal: Claude Code, Codex, Gemini, Aider, or just a shell.</p>
        <ol class="steps">
          <li>
            <button class="button primary" onClick={() => (app.dialog.value = { kind: "create", path: [] })}>
              <Icon name="plus" /> Create your first agent
            </button>
          </li>
          <li>
            Or start tmux yourself; the session shows up here by itself:
            <pre class="command"><code>tmux new -s customers-zoom-backend</code></pre>
          </li>
        </ol>
        <p class="dim">Names make the tree: <code>customers-zoom-backend</code> is the agent <i>backend</i> in customers › zoom.</p>
      </div>
    </div>
  );
}

function Overview({ agents }: { agents: readonly Agent[] }): JSX.Element {
  const app = useApp();
  const waiting = app.store.waiting.value;
  const done = agents.filter((agent) => agent.state.kind === "done").sort((a, b) => stateSince(b) - stateSince(a));
  return (
    <div class="home" data-testid="home">
      <div class="home-wide">
        <div class="tiles">
          {ORDER.map((kind) => (
            <StateTile key={kind} kind={kind} count={agents.filter((agent) => agent.state.kind === kind).length} />
          ))}
        </div>
        <AgentList title="Waiting for you" empty="Nobody is waiting for you." agents={waiting} />
        {done.length > 0 && <AgentList title="Done, not seen yet" empty="" agents={done} />}
      </div>
    </div>
  );
}

function StateTile({ kind, count }: { kind: StateKind; count: number }): JSX.Element | null {
  const app = useApp();
  if (count === 0 && kind !== "waiting" && kind !== "working") return null;
  return (
    <button class="tile" title={`Show only: ${STATE_WORDS[kind]}`} onClick={() => (app.filter.value = kind)}>
      <StateGlyph kind={kind} />
      <strong>{count}</strong>
      <span>{STATE_WORDS[kind]}</span>
    </button>
  );
}

const MOST_LISTED = 30;

function AgentList({ title, empty, agents }: { title: string; empty: string; agents: readonly Agent[] }): JSX.Element {
  const app = useApp();
  return (
    <section>
      <h2>{title}</h2>
      {agents.length === 0 && <p class="dim">{empty}</p>}
      <ul class="agent-cards">
        {agents.slice(0, MOST_LISTED).map((agent) => (
          <li key={agent.id}>
            <button class="agent-card" onClick={() => app.open(agent.id)}>
              <StateGlyph kind={agent.state.kind} />
              <span class="agent-card-name">{agent.name}</span>
              <span class="agent-card-why">{agent.state.why || agent.terminals.find((terminal) => terminal.active)?.title}</span>
              <span class="dim">{formatAge(app.now.value - stateSince(agent))}</span>
            </button>
          </li>
        ))}
      </ul>
      {agents.length > MOST_LISTED && <p class="dim">and {agents.length - MOST_LISTED} more in the list</p>}
    </section>
  );
}
