// Who waits for the user: what each asks, and the keys that answer it. Nothing moves under a pointer that is about to answer.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { agentTitle, stateReason, stateWord } from "../model/agents";
import { formatAge, plural } from "../model/format";
import { answersTo, type QuickAnswer } from "../model/quick-answers";
import { questionIn } from "../model/question";
import { EMPTY_LIST, HOLD_MS, steady } from "../model/steady-list";
import { stateSince } from "../model/store";
import type { Agent, Question } from "../protocol/types";
import { useApp } from "./context";
import { Host } from "./host-badge";
import { StateGlyph } from "./state-glyph";

const MOST_LISTED = 12;

interface Sent {
  readonly label: string;
  readonly at: number;
}

/** An answer, and how it is called. */
interface Given {
  readonly label: string;
  readonly answer: { readonly choice: string } | { readonly text: string };
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
  const noteSent = (agent: Agent, label: string): void => {
    sent.value = new Map(sent.value).set(agent.id, { label, at: Date.now() });
  };
  const press = (agent: Agent, given: QuickAnswer): void => {
    app.answer(agent, given.text);
    noteSent(agent, given.label);
  };
  const answer = (agent: Agent, question: Question, given: Given): void => {
    noteSent(agent, given.label);
    void app.answerQuestion(agent, question, given.answer).then((done) => {
      if (done) return;
      const left = new Map(sent.value);
      left.delete(agent.id);
      sent.value = left;
    });
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
          <li key={agent.id}><WaitingCard
            agent={agent}
            sent={held ? (sent.value.get(agent.id) ?? null) : null}
            press={(given) => press(agent, given)}
            answer={(question, given) => answer(agent, question, given)}
          /></li>
        ))}
      </ul>
      {agents.length > MOST_LISTED && <p class="dim">and {plural(agents.length - MOST_LISTED, "more", "more")} in the list</p>}
    </section>
  );
}

/** `sent`: what was answered a moment ago; nothing else can be, until that shows. */
function WaitingCard({ agent, sent, press, answer }: {
  readonly agent: Agent;
  readonly sent: Sent | null;
  readonly press: (given: QuickAnswer) => void;
  readonly answer: (question: Question, given: Given) => void;
}): JSX.Element {
  const app = useApp();
  const { screen, text } = useScreen(agent, sent?.at ?? 0);
  const waits = app.store.isWaiting(agent);
  const reachable = app.store.isReachable(agent);
  const { why, question } = agent.state;
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
  return (
    <article class={`waiting-card ${waits ? "" : "over"}`} data-testid="waiting-card" data-agent-id={agent.id}>
      <button class="agent-card" onClick={() => app.open(agent.id)}>
        <StateGlyph kind={agent.state.kind} />
        <span class="agent-card-name"><bdi>{agent.name}</bdi></span>
        <Host agent={agent} />
        <span class="agent-card-why"><bdi>{agentTitle(agent) || (hasText ? "" : stateReason(agent))}</bdi></span>
        <span class="dim">{waits ? formatAge(app.now.value - stateSince(agent)) : reachable ? stateWord(agent) : "Cannot be reached"}</span>
      </button>
      {hasRoom.current && <QuestionText agent={agent} text={text} screen={screen} why={why} held={held} />}
      <div ref={answers} class="answers" role="group" aria-label={`Answer ${agent.name}`} style={held && room.current > 0 ? { minHeight: `${room.current}px` } : {}}>
        {sent !== null ? (
          <span class="sent" data-testid="answer-sent" role="status">Sent <kbd>{sent.label}</kbd></span>
        ) : !waits ? (
          <span class="sent">{reachable ? "No longer waiting" : "Was waiting when last seen"}</span>
        ) : !mayAnswer ? (
          <span class="sent" data-testid="may-not-answer">This machine can only view</span>
        ) : isAnswerable(question) ? (
          <Choices agent={agent} question={question} answer={(given) => answer(question, given)} />
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

/** Whether its choices are known. What is secret is typed into the terminal. */
function isAnswerable(question: Question | null | undefined): question is Question {
  return question != null && (question.choices.length > 0 || (question.free_text && question.kind !== "login"));
}

/** The choices that there are, with their labels; each names the key that it stands for. */
function Choices({ agent, question, answer }: { agent: Agent; question: Question; answer: (given: Given) => void }): JSX.Element {
  const app = useApp();
  const text = useSignal("");
  const send = (event: Event): void => {
    event.preventDefault();
    if (text.value !== "") answer({ label: text.value, answer: { text: text.value } });
  };
  return (
    <>
      {question.choices.map(({ key, label }) => (
        <button
          key={key}
          class="button small choice-answer"
          data-testid="choice"
          aria-label={`${key} ${label}, in ${agent.name}`}
          disabled={!app.isLive.value}
          onClick={() => answer({ label, answer: { choice: key } })}
        >
          <kbd>{key}</kbd> <bdi>{label}</bdi>
        </button>
      ))}
      {question.free_text && (
        <form class="answer-text" onSubmit={send}>
          <input type="text" aria-label={`Answer ${agent.name}`} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
          <button class="button small" disabled={!app.isLive.value || text.value === ""}>Answer</button>
        </form>
      )}
    </>
  );
}

interface QuestionProps {
  readonly agent: Agent;
  readonly text: string;
  readonly screen: string;
  readonly why: string;
  /** It must not move what is below it now. */
  readonly held: boolean;
}

/** What is asked, with what it is about: wrapped, and where something is left out, how much. */
function QuestionText({ agent, text, screen, why, held }: QuestionProps): JSX.Element {
  const question = useMemo(() => questionIn(text, screen, why), [text, screen, why]);
  const all = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const height = useRef(0);
  useLayoutEffect(() => {
    if (!held) height.current = box.current!.getBoundingClientRect().height;
  });
  const list = useRef<HTMLPreElement>(null);
  // What is asked stands at the end; what was left out before is reached by scrolling up.
  useLayoutEffect(() => list.current!.scrollTo({ top: all.value ? list.current!.scrollHeight : 0, behavior: "instant" }), [all.value]);
  const { lines, start, shown } = question;
  const hidden = shown - start;
  return (
    <div ref={box} class="question-box" style={held && height.current > 0 ? { height: `${height.current}px` } : {}}>
      {(shown > 0 || all.value) && (
        <button class="link-button more-lines" data-testid="question-more" aria-expanded={all.value} onClick={() => (all.value = !all.value)}>
          {all.value ? "Show less" : hidden > 0 ? `Show ${plural(hidden, "more line")} above` : "Show what came before"}
        </button>
      )}
      <pre ref={list} class={`question ${all.value ? "whole" : ""}`} data-testid="question" tabIndex={all.value ? 0 : undefined} aria-label={`What ${agent.name} asks`}>
        {(all.value ? lines : lines.slice(shown)).map((line, index) => <span key={index} class="question-line">{line === "" ? "\n" : line}</span>)}
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
