// Beside the terminal: notes that are saved as they are typed, tags, and the facts about the agent.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { whyNotAdopt } from "../app/refusals";
import { isFound } from "../model/agents";
import { plural, shortPath } from "../model/format";
import { hooksOf } from "../model/hooks";
import type { NotesDraft } from "../model/notes-draft";
import { joinShellWords } from "../model/shell-words";
import type { Agent } from "../protocol/types";
import { AgentActions } from "./agent-actions";
import { useApp } from "./context";
import { HooksPart, useExplanation } from "./hooks-part";
import { Icon } from "./icons";
import { useNextStart } from "./next-start";

export function DetailsPanel({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  return (
    <aside class="details" aria-label={`Notes and details of ${agent.name}`} data-testid="details">
      <header class="details-header">
        <h2>Notes</h2>
        <button class="icon-button" aria-label="Close notes and details" onClick={() => (app.preferences.detailsOpen.value = false)}>
          <Icon name="close" />
        </button>
      </header>
      <NotesEditor agent={agent} />
      <h2>Tags</h2>
      <TagEditor agent={agent} />
      <h2>Details</h2>
      <FactList agent={agent} />
      {app.space.narrow.value && <AgentActions agent={agent} labelled />}
    </aside>
  );
}

function NotesEditor({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  void app.notes.version.value;
  const draft = app.notes.draft(agent);
  return (
    <div class="notes">
      <textarea
        data-testid="notes"
        dir="auto"
        aria-label={`Notes about ${agent.name}`}
        placeholder="What is this agent for? What should it do next?"
        value={draft.text}
        onInput={(event) => app.notes.edit(agent, event.currentTarget.value)}
        onBlur={() => app.notes.saveNow()}
      />
      <p class={`notes-status notes-${draft.status}`} data-testid="notes-status" data-status={draft.status} role="status">
        {notesSentence(draft)}
      </p>
      {draft.status === "conflict" && <NotesConflict agent={agent} theirs={draft.theirs?.notes ?? ""} />}
    </div>
  );
}

function NotesConflict({ agent, theirs }: { agent: Agent; theirs: string }): JSX.Element {
  const { notes } = useApp();
  return (
    <div class="conflict" data-testid="notes-conflict">
      <p>Someone else saved this in the meantime:</p>
      <pre dir="auto">{theirs === "" ? "(empty)" : theirs}</pre>
      <div class="button-row">
        <button class="button small" onClick={() => notes.decide(agent, "keepMine")}>Keep mine</button>
        <button class="button small" onClick={() => notes.decide(agent, "takeTheirs")}>Take theirs</button>
        <button class="button small" onClick={() => notes.decide(agent, "keepBoth")}>Keep both</button>
      </div>
    </div>
  );
}

function notesSentence(draft: NotesDraft): string {
  switch (draft.status) {
    case "saved":
      return draft.wasSaved ? "Saved" : "";
    case "dirty":
    case "saving":
      return "Saving…";
    case "failed":
      return `Not saved: ${draft.problem} Your text is kept here, and saving is tried again.`;
    case "conflict":
      return "Not saved: the notes were changed elsewhere. Your text is kept.";
  }
}

function TagEditor({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const text = useSignal("");
  const add = (): void => {
    const tag = text.value.trim().replace(/^#/, "");
    text.value = "";
    if (tag !== "" && !agent.tags.includes(tag)) void app.change(agent, { tags: [...agent.tags, tag] });
  };
  return (
    <div class="tags" data-testid="tags">
      {agent.tags.map((tag) => (
        <span key={tag} class="tag">
          <bdi>{tag}</bdi>
          <button aria-label={`Remove the tag ${tag}`} onClick={() => void app.change(agent, { tags: agent.tags.filter((other) => other !== tag) })}>
            <Icon name="close" />
          </button>
        </span>
      ))}
      <input
        class="tag-input"
        data-testid="tag-input"
        dir="auto"
        aria-label="Add a tag"
        placeholder="Add a tag"
        autocapitalize="off"
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
        onBlur={add}
        onKeyDown={(event) => {
          if (event.key === "Enter" || event.key === ",") {
            event.preventDefault();
            add();
          }
        }}
      />
    </div>
  );
}

function FactList({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const start = useNextStart(agent);
  const home = app.store.nodeOf(agent)?.home ?? "";
  const { known } = useExplanation(agent, null);
  const hooks = known === null ? null : hooksOf(known);
  const program = agent.program === null ? (isFound(agent) ? "" : "your shell") : joinShellWords([agent.program, ...agent.args]);
  return (
    <>
      <dl class="fact-list">
        <dt>Name</dt>
        <dd class="mono"><bdi>{agent.name}</bdi></dd>
        {program !== "" && (
          <>
            <dt>Program</dt>
            <dd class="mono">{program}</dd>
          </>
        )}
        <dt>Directory</dt>
        <dd class="mono">{!agent.directory ? "unknown" : shortPath(agent.directory, home)}</dd>
        {hooks !== null && (
          <>
            <dt>Hooks</dt>
            <dd><HooksPart agent={agent} hooks={hooks} /></dd>
          </>
        )}
        <dt>Runs in</dt>
        <dd>{backendSentence(agent)}</dd>
        {start !== null && (start.resumes !== null || start.why !== "") && (
          <>
            <dt>Next start</dt>
            <dd data-testid="fact-next-start">
              {start.resumes === null ? `a new conversation: ${start.why}` : <>resumes the conversation <span class="mono">{start.resumes.id}</span></>}
            </dd>
          </>
        )}
        <dt>Origin</dt>
        <dd>{isFound(agent) ? "your own tmux session, found by Consort" : `created ${new Date(agent.created_unix_ms).toLocaleString()}`}</dd>
      </dl>
      {isFound(agent) ? <AdoptPart agent={agent} /> : (
        <label class="check">
          <input
            type="checkbox"
            data-testid="autostart"
            checked={agent.autostart}
            onChange={(event) => void app.change(agent, { autostart: event.currentTarget.checked })}
          />
          Start again after a reboot
        </label>
      )}
    </>
  );
}

/** What is missing to a session that was found, and how it gets it. */
function AdoptPart({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const refusal = whyNotAdopt(app, agent);
  return (
    <div class="adopt-part">
      <p class="dim">{refusal === "" ? "Adopt it, so that it can be stopped, started and restarted here." : `${refusal}.`}</p>
      <button class="button" data-testid="adopt-button" disabled={refusal !== ""} onClick={() => (app.dialog.value = { kind: "adopt", agent })}>Adopt</button>
    </div>
  );
}

function backendSentence({ backend, running, terminals }: Agent): string {
  const place = backend === "tmux" ? "tmux" : "a terminal of Consort's own";
  return running ? `${place}, ${plural(terminals.length, "terminal")}` : `${place}, not running`;
}
