// Who waits for the user: what each asks, and the keys that answer it. Nothing moves under a pointer that is about to answer.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { CardKeys } from "../app/card-keys";
import { activeTerminal, agentTitle, stateReason, stateWord } from "../model/agents";
import { formatAge, plural } from "../model/format";
import { answersTo, type QuickAnswer } from "../model/quick-answers";
import { askedWithoutScreen, menuOf, questionIn, type Question as SeenQuestion } from "../model/question";
import { EMPTY_LIST, HOLD_MS, steady } from "../model/steady-list";
import { stateSince } from "../model/store";
import type { Agent, Question } from "../protocol/types";
import { useApp } from "./context";
import { Host } from "./host-badge";
import { Choices, isAnswerable, setsMark, useAsked, type Given } from "./question-choices";
import { StateGlyph } from "./state-glyph";

const MOST_LISTED = 12;

interface Sent {
  readonly label: string;
  /** The question that was answered, if it is known as data. */
  readonly question: string | null;
  readonly at: number;
}

/** `fallback`: what is there if nobody waits. */
export function WaitingCards({ fallback }: { fallback: JSX.Element | null }): JSX.Element | null {
  const app = useApp();
  const sent = useSignal<ReadonlyMap<string, Sent>>(new Map());
  /** Answers that were not typed, and why, by agent. */
  const refused = useSignal<ReadonlyMap<string, string>>(new Map());
  /** When the pointer moved over the list last; 0: it is elsewhere. One that rests there points at nothing. */
  const pointedAt = useRef(0);
  const ticks = useSignal(0);
  const list = useRef(EMPTY_LIST);
  const usedAt = Math.max(0, ...[...sent.value.values()].map(({ at }) => at));
  void ticks.value;
  const wanted = app.store.waiting.value.map(({ id }) => id);
  // What is answered goes at once, except where something else would come under a pointer or a finger instead.
  const pointed = pointedAt.current > Date.now() - HOLD_MS;
  list.current = pointed || app.space.touch.value ? steady(list.current, wanted, usedAt, pointed, Date.now()) : { ...EMPTY_LIST, ids: wanted };
  const { ids, held } = list.current;
  const fresh = usedAt > Date.now() - HOLD_MS;
  useEffect(() => {
    if (!held && !fresh) return undefined;
    const timer = setInterval(() => (ticks.value += 1), HOLD_MS / 8);
    return () => clearInterval(timer);
  }, [held, fresh]);

  const agents = ids.flatMap((id) => app.store.agent(id) ?? []).slice(0, MOST_LISTED);
  const hidden = app.store.waiting.value.filter(({ id }) => !agents.some((agent) => agent.id === id)).length;
  /** What was just answered; not if it asks something else by now. */
  const sentTo = (agent: Agent): Sent | null => {
    const last = sent.value.get(agent.id) ?? null;
    if (last === null || last.at <= Date.now() - HOLD_MS) return null;
    const asks = agent.state.question?.id ?? null;
    return last.question !== null && asks !== null && asks !== last.question ? null : last;
  };
  const canAnswer = (id: string): boolean => {
    const agent = app.store.agent(id);
    return agent !== null && app.store.isWaiting(agent) && sentTo(agent) === null;
  };
  const keys = useMemo(() => new CardKeys(app), [app]);
  useEffect(() => keys.listen(), [keys]);
  useLayoutEffect(() => keys.shown(agents.map(({ id }) => id), canAnswer));
  if (agents.length === 0) return fallback;
  const noteSent = (agent: Agent, label: string, question: string | null): void => {
    sent.value = new Map(sent.value).set(agent.id, { label, question, at: Date.now() });
  };
  const press = (agent: Agent, given: QuickAnswer): void => {
    app.answer(agent, given.text);
    noteSent(agent, given.label, null);
    keys.answered(agent.id);
  };
  const answer = (agent: Agent, question: Question, given: Given): void => {
    if (!setsMark(question, given)) {
      noteSent(agent, given.label, question.id);
      keys.answered(agent.id);
    }
    refused.value = without(refused.value, agent.id);
    void app.answerQuestion(agent, question, given.answer).then((problem) => {
      if (problem === null) return;
      refused.value = new Map(refused.value).set(agent.id, problem);
      sent.value = without(sent.value, agent.id);
      keys.choose(agent.id);
    });
  };
  return (
    <section>
      <h2 class="cards-title">
        Waiting for you
        {agents.length > 1 && <button class="link-button" data-testid="waiting-grid" onClick={() => app.showGrid({ kind: "waiting" })}>Side by side</button>}
        {!app.space.touch.value && <span class="key-hints"><kbd>1</kbd>–<kbd>9</kbd> answer, <kbd>j</kbd> <kbd>k</kbd> next and previous, <kbd>Enter</kbd> open</span>}
      </h2>
      <ul
        class="waiting-cards"
        onPointerMove={(event) => {
          if (event.pointerType !== "mouse") return;
          const before = pointedAt.current;
          pointedAt.current = Date.now();
          if (before <= Date.now() - HOLD_MS) ticks.value += 1;
        }}
        onPointerLeave={() => {
          pointedAt.current = 0;
          ticks.value += 1;
        }}
      >
        {agents.map((agent) => (
          <li key={agent.id}><WaitingCard
            agent={agent}
            keys={keys}
            refused={refused.value.get(agent.id) ?? ""}
            sent={sentTo(agent)}
            press={(given) => press(agent, given)}
            answer={(question, given) => answer(agent, question, given)}
          /></li>
        ))}
      </ul>
      {hidden > 0 && <p class="dim">and {plural(hidden, "more", "more")} in the list</p>}
    </section>
  );
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  const left = new Map(map);
  left.delete(key);
  return left;
}

/** `sent`: what was answered a moment ago; nothing else can be, until that shows. */
function WaitingCard({ agent, keys, refused, sent, press, answer }: {
  readonly agent: Agent;
  readonly keys: CardKeys;
  /** Why the last answer was not typed. */
  readonly refused: string;
  readonly sent: Sent | null;
  readonly press: (given: QuickAnswer) => void;
  readonly answer: (question: Question, given: Given) => void;
}): JSX.Element {
  const app = useApp();
  const { screen, text } = useScreen(agent, sent?.at ?? 0);
  const cols = (agent.terminals.find(({ id }) => id === agent.state.question?.terminal) ?? activeTerminal(agent))?.cols ?? 0;
  const seen = useMemo(() => questionIn(text, screen, agent.state.why, cols), [text, screen, agent.state.why, cols]);
  // Its choices are buttons.
  const menu = useMemo(() => menuOf(seen, agent.state.question?.choices ?? []), [seen, agent.state.question]);
  const waits = app.store.isWaiting(agent);
  const reachable = app.store.isReachable(agent);
  const { question } = agent.state;
  const held = sent !== null || !waits;
  const hasText = text.trim() !== "";
  // An empty screen leaves the room of what was asked on it.
  const hasRoom = useRef(false);
  hasRoom.current = hasText || (held && hasRoom.current);
  const mayAnswer = app.store.mayOperate(agent);
  // Choices may take several lines: what is said in their place leaves what is below where it was.
  const answers = useRef<HTMLDivElement>(null);
  const room = useRef(0);
  useLayoutEffect(() => {
    if (!held) room.current = answers.current!.getBoundingClientRect().height;
  });
  const { identity, since } = useAsked(question);
  const current = keys.current.value === agent.id && !app.space.touch.value;
  return (
    <article
      class={`waiting-card ${waits ? "" : "over"} ${current ? "current" : ""}`}
      data-testid="waiting-card"
      data-agent-id={agent.id}
      data-current={current}
      aria-label={`${agent.name} asks`}
      tabIndex={-1}
      onFocusCapture={() => keys.choose(agent.id)}
    >
      <button class="agent-card" onClick={() => app.open(agent.id)}>
        <StateGlyph kind={agent.state.kind} />
        <span class="agent-card-name"><bdi>{agent.name}</bdi></span>
        <Host agent={agent} />
        <span class="agent-card-why"><bdi>{agentTitle(agent) || (hasText ? "" : stateReason(agent))}</bdi></span>
        <span class="dim">{waits ? formatAge(app.now.value - stateSince(agent)) : reachable ? stateWord(agent) : "Cannot be reached"}</span>
      </button>
      {hasRoom.current || question == null ? (
        hasRoom.current && <QuestionText agent={agent} question={seen} end={menu.begin} held={held} />
      ) : (
        <div class="question-box"><pre class="question" data-testid="question">{askedWithoutScreen(question)}</pre></div>
      )}
      {refused !== "" && waits && <p class="answer-refused" role="alert" data-testid="answer-refused">Not answered. {refused}</p>}
      <div ref={answers} class="answers" role="group" aria-label={`Answer ${agent.name}`} style={held && room.current > 0 ? { minHeight: `${room.current}px` } : {}}>
        {sent !== null ? (
          <span class="sent" data-testid="answer-sent" role="status">Sent <kbd>{sent.label}</kbd></span>
        ) : !waits ? (
          <span class="sent">{reachable ? "No longer waiting" : "Was waiting when last seen"}</span>
        ) : !mayAnswer ? (
          <span class="sent" data-testid="may-not-answer">This machine can only view</span>
        ) : isAnswerable(question) ? (
          <Choices key={identity} agent={agent} question={question} described={menu.descriptions} keys={keys} since={since} answer={(given) => answer(question, given)} />
        ) : answersTo(agent.state.why, screen).map((given) => (
          <button
            key={given.label}
            class="button small key-answer"
            data-testid="quick-answer"
            title={given.name}
            aria-label={`${given.name} in ${agent.name}`}
            disabled={!app.isLive.value}
            onClick={() => press(given)}
          >
            {given.label}
          </button>
        ))}
        <button class="link-button" aria-label={`Open ${agent.name}`} onClick={() => app.open(agent.id)}>Open</button>
      </div>
    </article>
  );
}

interface QuestionProps {
  readonly agent: Agent;
  readonly question: SeenQuestion;
  /** What comes after that is shown only if all of it is wanted. */
  readonly end: number;
  /** It must not move what is below it now. */
  readonly held: boolean;
}

/** What is asked, with what it is about: wrapped, and where something is left out, how much, if it is known where it begins. */
function QuestionText({ agent, question, end, held }: QuestionProps): JSX.Element {
  const all = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const height = useRef(0);
  useLayoutEffect(() => {
    if (!held) height.current = box.current!.getBoundingClientRect().height;
  });
  const list = useRef<HTMLPreElement>(null);
  // What is asked stands at the end; what was left out before is reached by scrolling up.
  useLayoutEffect(() => list.current!.scrollTo({ top: all.value ? list.current!.scrollHeight : 0, behavior: "instant" }), [all.value]);
  const { lines, start, shown, framed } = question;
  const hidden = framed ? shown - start : 0;
  return (
    <div ref={box} class="question-box" style={held && height.current > 0 ? { height: `${height.current}px` } : {}}>
      {(shown > 0 || all.value) && (
        <button class="link-button more-lines" data-testid="question-more" aria-expanded={all.value} onClick={() => (all.value = !all.value)}>
          {all.value ? "Show less" : hidden > 0 ? `Show ${plural(hidden, "more line")} above` : "Show what came before"}
        </button>
      )}
      <pre ref={list} class={`question ${all.value ? "whole" : ""}`} data-testid="question" tabIndex={all.value ? 0 : undefined} aria-label={`What ${agent.name} asks`}>
        {(all.value ? lines : lines.slice(Math.min(shown, end), end)).map((line, index) => <span key={index} class="question-line">{line === "" ? "\n" : line}</span>)}
      </pre>
    </div>
  );
}

/** Enough for the beginning of a question that has scrolled away. */
const HISTORY_LINES = 300;
/** After an answer, and after a change, the program takes a moment to draw. */
const LOOK_AFTER_MS: readonly number[] = [0, 400, 1_500];

interface Screen {
  /** The visible text. */
  readonly screen: string;
  /** The same with what was printed before. */
  readonly text: string;
}

/** What it shows, looked at again after every change: answers are given to what can be read. */
function useScreen(agent: Agent, answeredAt: number): Screen {
  const app = useApp();
  const shown = useSignal<Screen>({ screen: "", text: "" });
  const live = app.isLive.value;
  const since = stateSince(agent);
  useEffect(() => {
    if (!live) return undefined;
    const abort = new AbortController();
    const look = (): void => {
      Promise.all([0, HISTORY_LINES].map((lines) => app.api.screen(agent.id, abort.signal, lines))).then(
        ([screen = "", text = ""]) => {
          if (screen !== shown.peek().screen || text !== shown.peek().text) shown.value = { screen, text };
        },
        () => undefined,
      );
    };
    const timers = LOOK_AFTER_MS.map((ms) => setTimeout(look, ms));
    return () => {
      timers.forEach(clearTimeout);
      abort.abort();
    };
  }, [agent.id, answeredAt, since, live]);
  return shown.value;
}
