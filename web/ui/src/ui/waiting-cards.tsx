// Who waits for the user: what each asks, and the keys that answer it. Nothing moves under a pointer that is about to answer.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { agentTitle, stateReason, stateWord } from "../model/agents";
import { formatAge, plural } from "../model/format";
import { answersTo, type QuickAnswer } from "../model/quick-answers";
import { lastLines } from "../model/screen-text";
import { EMPTY_LIST, HOLD_MS, steady } from "../model/steady-list";
import { stateSince } from "../model/store";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Host } from "./host-badge";
import { StateGlyph } from "./state-glyph";

const MOST_LISTED = 12;

interface Sent {
  readonly answer: QuickAnswer;
  readonly at: number;
}

/** `fallback`: what is there if nobody waits. */
export function WaitingCards({ fallback }: { fallback: JSX.Element | null }): JSX.Element | null {
  const app = useApp();
  const sent = useSignal<ReadonlyMap<string, Sent>>(new Map());
  const pointed = useSignal(false);
  const ticks = useSignal(0);
  const list = useRef(EMPTY_LIST);
  const usedAt = Math.max(0, ...[...sent.value.values()].map(({ at }) => at));
  void ticks.value;
  list.current = steady(list.current, app.store.waiting.value.map(({ id }) => id), usedAt, pointed.value, Date.now());
  const { ids, held } = list.current;
  useEffect(() => {
    if (!held) return undefined;
    const timer = setInterval(() => (ticks.value += 1), HOLD_MS / 8);
    return () => clearInterval(timer);
  }, [held]);

  const agents = ids.flatMap((id) => app.store.agent(id) ?? []);
  if (agents.length === 0) return fallback;
  const answer = (agent: Agent, given: QuickAnswer): void => {
    app.answer(agent, given.text);
    sent.value = new Map(sent.value).set(agent.id, { answer: given, at: Date.now() });
  };
  return (
    <section>
      <h2>Waiting for you</h2>
      <ul
        class="waiting-cards"
        onPointerEnter={(event) => (pointed.value = event.pointerType === "mouse")}
        onPointerLeave={() => (pointed.value = false)}
      >
        {agents.slice(0, MOST_LISTED).map((agent) => (
          <li key={agent.id}><WaitingCard agent={agent} sent={held ? (sent.value.get(agent.id) ?? null) : null} answer={(given) => answer(agent, given)} /></li>
        ))}
      </ul>
      {agents.length > MOST_LISTED && <p class="dim">and {plural(agents.length - MOST_LISTED, "more", "more")} in the list</p>}
    </section>
  );
}

/** `sent`: what was answered a moment ago; nothing else can be, until that shows. */
function WaitingCard({ agent, sent, answer }: { agent: Agent; sent: Sent | null; answer: (given: QuickAnswer) => void }): JSX.Element {
  const app = useApp();
  const screen = useScreen(agent, sent?.at ?? 0);
  const waits = app.store.isWaiting(agent);
  const reachable = app.store.isReachable(agent);
  const question = useSteadyLines(lastLines(screen, QUESTION_LINES), sent !== null || !waits);
  const mayAnswer = app.store.mayOperate(agent);
  return (
    <article class={`waiting-card ${waits ? "" : "over"}`} data-testid="waiting-card" data-agent-id={agent.id}>
      <button class="agent-card" onClick={() => app.open(agent.id)}>
        <StateGlyph kind={agent.state.kind} />
        <span class="agent-card-name"><bdi>{agent.name}</bdi></span>
        <Host agent={agent} />
        <span class="agent-card-why"><bdi>{agentTitle(agent) || (question === "" ? stateReason(agent) : "")}</bdi></span>
        <span class="dim">{waits ? formatAge(app.now.value - stateSince(agent)) : reachable ? stateWord(agent) : "Cannot be reached"}</span>
      </button>
      {question !== "" && <pre class="question" aria-label="The end of its screen">{question}</pre>}
      <div class="answers" role="group" aria-label={`Answer ${agent.name}`}>
        {sent !== null ? (
          <span class="sent" data-testid="answer-sent" role="status">Sent <kbd>{sent.answer.label}</kbd></span>
        ) : !waits ? (
          <span class="sent">{reachable ? "No longer waiting" : "Was waiting when last seen"}</span>
        ) : !mayAnswer ? (
          <span class="sent" data-testid="may-not-answer">This machine can only view</span>
        ) : answersTo(agent.state.why, screen).map((given) => (
          <button
            key={given.label}
            class="button small key-answer"
            data-testid="quick-answer"
            title={given.name}
            aria-label={`${given.name} in ${agent.name}`}
            disabled={!app.isLive.value}
            onClick={() => answer(given)}
          >
            {given.label}
          </button>
        ))}
        <button class="link-button" aria-label={`Open ${agent.name}`} onClick={() => app.open(agent.id)}>Open</button>
      </div>
    </article>
  );
}

const QUESTION_LINES = 7;
/** After an answer, and after a change, the program takes a moment to draw. */
const LOOK_AFTER_MS: readonly number[] = [0, 400, 1_500];

/** Its visible text, looked at again after every change: answers are given to what can be read. */
function useScreen(agent: Agent, answeredAt: number): string {
  const app = useApp();
  const screen = useSignal("");
  const live = app.isLive.value;
  const since = stateSince(agent);
  useEffect(() => {
    if (!live) return undefined;
    const abort = new AbortController();
    const look = (): void => {
      app.api.screen(agent.id, abort.signal).then(
        (text) => (screen.value = text),
        () => undefined,
      );
    };
    const timers = LOOK_AFTER_MS.map((ms) => setTimeout(look, ms));
    return () => {
      timers.forEach(clearTimeout);
      abort.abort();
    };
  }, [agent.id, answeredAt, since, live]);
  return screen.value;
}

/** As many lines as there were, while they must not move what is below. */
function useSteadyLines(text: string, held: boolean): string {
  const count = useRef(0);
  const lines = text === "" ? [] : text.split("\n");
  if (!held || count.current === 0) count.current = lines.length;
  const kept = lines.slice(-count.current);
  return [...kept, ...Array<string>(count.current - kept.length).fill(" ")].join("\n");
}
