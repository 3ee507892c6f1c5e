// The start page: what needs the user, what goes on, where one was; or the first step if there is nothing yet.

import type { JSX } from "preact";
import { agentTitle, STATE_ORDER, stateNoun, stateSentence } from "../model/agents";
import { plural } from "../model/format";
import { stateSince } from "../model/store";
import type { Agent, StateKind } from "../protocol/types";
import { AlertOffer } from "./alert-settings";
import { useApp } from "./context";
import { Host } from "./host-badge";
import { Icon } from "./icons";
import { MeshBanner } from "./mesh-banner";
import { StateGlyph } from "./state-glyph";
import { WaitingCards } from "./waiting-cards";

const RECENTLY_MS = 24 * 3_600_000;
const MOST_LISTED = 12;
const MOST_RECENT = 6;

export function Home(): JSX.Element {
  const { store } = useApp();
  if (!store.loaded.value) return <div class="home" data-testid="home"><h1 class="visually-hidden">Start</h1></div>;
  const agents = [...store.agents.value.values()];
  return agents.length === 0 ? <div class="home"><MeshBanner /><FirstSteps /></div> : <Overview agents={agents} />;
}

export function FirstSteps(): JSX.Element {
  const app = useApp();
  return (
    <div class="home-card" data-testid="empty-state">
      <h1>No agents yet</h1>
      <p>An agent is a program in a terminal: Claude Code, Codex, Gemini, Aider, or just a shell.</p>
      <ol class="steps">
        <li>
          <button class="button primary" onClick={() => (app.dialog.value = { kind: "create", path: [], node: null })}>
            <Icon name="plus" /> Create your first agent
          </button>
        </li>
        {tmuxWorks(app) && (
          <li>
            Or start tmux yourself; the session shows up here on its own:
            <pre class="command"><code>tmux new -s customers-zoom-backend</code></pre>
          </li>
        )}
      </ol>
      <p class="dim">Names make the tree: <code>customers-zoom-backend</code> is the agent <i>backend</i> in customers › zoom.</p>
      <TmuxMissing />
    </div>
  );
}

function tmuxWorks({ store }: ReturnType<typeof useApp>): boolean {
  return store.self.value?.backends.tmux?.available ?? true;
}

/** Without tmux much of this works differently: that is said before somebody is surprised. */
function TmuxMissing(): JSX.Element | null {
  const app = useApp();
  if (tmuxWorks(app)) return null;
  return (
    <div class="banner" data-testid="tmux-missing" role="note">
      <Icon name="help" />
      <p>
        <strong>Agents end when Consort ends.</strong> {app.store.self.value?.backends.tmux?.detail}
      </p>
    </div>
  );
}

function Overview({ agents: known }: { agents: readonly Agent[] }): JSX.Element {
  const app = useApp();
  const agents = known.filter((agent) => app.store.isReachable(agent));
  const waiting = app.store.waiting.value;
  const newest = (list: readonly Agent[]): Agent[] => [...list].sort((a, b) => stateSince(b) - stateSince(a));
  const working = newest(agents.filter(({ state }) => state.kind === "working"));
  const failed = newest(agents.filter(({ state }) => state.kind === "failed"));
  const finished = newest(agents.filter((agent) => isFinished(agent, app.now.value)));
  const listed = new Set([...waiting, ...failed, ...working, ...finished].map(({ id }) => id));
  const recent = app.preferences.recent.value
    .flatMap(({ id }) => app.store.agent(id) ?? [])
    .filter(({ id }) => !listed.has(id))
    .slice(0, MOST_RECENT);
  const nothingElse = listed.size === 0 && recent.length === 0;
  return (
    <div class="home" data-testid="home">
      <div class="home-wide">
        <h1 class="visually-hidden">Start</h1>
        <TmuxMissing />
        <MeshBanner />
        <AlertOffer />
        {agents.length > 0 && <nav class="tiles" aria-label="Filter by state">
          {STATE_ORDER.map((kind) => (
            <StateTile key={kind} kind={kind} word={stateNoun(kind)} count={agents.filter((agent) => agent.state.kind === kind).length} />
          ))}
        </nav>}
        <WaitingCards fallback={<NobodyWaits />} />
        <AgentList title="Cannot go on" agents={failed} />
        <AgentList title="Recently finished" agents={finished} />
        <AgentList title="Working" agents={working} />
        <AgentList title="Where you were" agents={recent} />
        {nothingElse && <AgentList title="Agents" agents={newest(agents)} />}
      </div>
    </div>
  );
}

function NobodyWaits(): JSX.Element {
  const { store } = useApp();
  if (store.away.value.length > 0) return <p class="all-clear"><StateGlyph kind="idle" /> No agent is waiting for you on reachable machines.</p>;
  return <p class="all-clear"><StateGlyph kind="done" /> No agent is waiting for you.</p>;
}

function isFinished(agent: Agent, now: number): boolean {
  if (agent.state.kind === "done") return true;
  return agent.state.kind === "exited" && agent.wanted === "running" && now - stateSince(agent) < RECENTLY_MS;
}

function StateTile({ kind, word, count }: { kind: StateKind; word: string; count: number }): JSX.Element | null {
  const app = useApp();
  if (count === 0) return null;
  const filter = (): void => {
    app.showAll();
    app.stateFilter.value = kind;
    app.preferences.phoneTab.value = "agents";
  };
  return (
    <button class="tile" title={`Show only these in the list`} onClick={filter}>
      <StateGlyph kind={kind} />
      <strong>{count}</strong>
      <span>{word}</span>
    </button>
  );
}

function AgentList({ title, agents }: { title: string; agents: readonly Agent[] }): JSX.Element | null {
  const app = useApp();
  if (agents.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <ul class="agent-cards">
        {agents.slice(0, MOST_LISTED).map((agent) => (
          <li key={agent.id}>
            <button class="agent-card" onClick={() => app.open(agent.id)}>
              <StateGlyph kind={agent.state.kind} />
              <span class="agent-card-name"><bdi>{agent.name}</bdi></span>
              <Host agent={agent} />
              <span class="agent-card-why"><bdi>{agentTitle(agent)}</bdi></span>
              <span class="agent-card-state">{stateSentence(agent, app.now.value)}</span>
            </button>
          </li>
        ))}
      </ul>
      <More count={agents.length} />
    </section>
  );
}

function More({ count }: { count: number }): JSX.Element | null {
  return count > MOST_LISTED ? <p class="dim">and {plural(count - MOST_LISTED, "more", "more")} in the list</p> : null;
}
