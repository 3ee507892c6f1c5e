// The answers to a question: a button for every choice that there is, with its label, and a field for words where those are taken.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { CardKeys } from "../app/card-keys";
import { identityOf, markOf, ownKeys, pickKeys, takesSeveral, UNREAD_MS } from "../model/pick-keys";
import type { Answer } from "../net/api";
import type { Agent, Choice, Question } from "../protocol/types";
import { useApp } from "./context";

/** A choice that was marked shows so within this time, or another one may be tried. */
const MARK_MS = 3_000;

/** An answer, and how it is called. */
export interface Given {
  readonly label: string;
  readonly answer: Answer;
}

/** Whether its choices are known. What is secret is typed into the terminal. */
export function isAnswerable(question: Question | null | undefined): question is Question {
  return question != null && (question.choices.length > 0 || (question.free_text && question.kind !== "login"));
}

/** Whether an answer sets a mark of one of several: the question stays then, with another mark. */
export function setsMark(question: Question, { label, answer }: Given): boolean {
  return "choice" in answer && markOf(label).marked !== null && takesSeveral(question);
}

/** What is asked, and since when it stands in the place of another question: a click just then was meant for the one before. 0: nothing was asked before. */
export function useAsked(question: Question | null | undefined): { readonly identity: string | null; readonly since: number } {
  const identity = question == null ? null : identityOf(question);
  const asked = useRef<{ id: string | null; since: number }>({ id: identity, since: 0 });
  if (identity !== null && identity !== asked.current.id) asked.current = { id: identity, since: asked.current.id === null ? 0 : performance.now() };
  return { identity, since: asked.current.since };
}

/** `keys`: the keyboard of the start page; without it, pressing a choice leaves the keyboard where it is, as in a terminal. */
export function Choices({ agent, question, described = [], keys = null, since, answer }: {
  readonly agent: Agent;
  readonly question: Question;
  /** What the screen says below each choice. */
  readonly described?: readonly string[];
  readonly keys?: CardKeys | null;
  /** When it took the place of another question. */
  readonly since: number;
  readonly answer: (given: Given) => void;
}): JSX.Element {
  const app = useApp();
  const text = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  const live = app.isLive.value;
  const digits = keys === null ? ownKeys(question) : pickKeys(question);
  const several = takesSeveral(question);
  /** The question whose mark is being changed: the next one waits for that. */
  const marking = useSignal({ question: "", at: 0 });
  const choose = (choice: Choice): void => {
    if (several) {
      if (marking.value.question === question.id && performance.now() - marking.value.at < MARK_MS) return;
      marking.value = { question: question.id, at: performance.now() };
    }
    if (performance.now() - since >= UNREAD_MS || since === 0) answer({ label: choice.label, answer: { choice: choice.key } });
  };
  const pick = useRef<(digit: string) => boolean>(() => false);
  pick.current = (digit) => {
    if (!app.isLive.peek()) return false;
    const choice = question.choices[digits.choices.indexOf(digit)];
    if (choice !== undefined) choose(choice);
    else if (digit === digits.text) field.current?.focus();
    else return false;
    return true;
  };
  const identity = identityOf(question);
  useEffect(() => keys?.offers(agent.id, (digit) => pick.current(digit)), [agent.id, identity]);
  const send = (event: Event): void => {
    event.preventDefault();
    if (text.value !== "") answer({ label: text.value, answer: { text: text.value } });
  };
  const stay = keys === null ? (event: Event): void => event.preventDefault() : undefined;
  return (
    <>
      {question.choices.map((choice, at) => {
        const { words, marked } = several ? markOf(choice.label) : { words: choice.label, marked: null };
        return (
          <button
            key={choice.key}
            class={`button small choice-answer ${described[at] || marked !== null ? "described" : ""} ${several && marked === null && choice.key === "tab" ? "primary" : ""}`}
            data-testid="choice"
            role={marked === null ? undefined : "checkbox"}
            aria-checked={marked ?? undefined}
            aria-label={[digits.choices[at], words, described[at]].filter(Boolean).join(" ") + `, in ${agent.name}`}
            disabled={!live}
            onPointerDown={stay}
            onMouseDown={stay}
            onClick={() => choose(choice)}
          >
            {digits.choices[at] !== "" && <kbd>{digits.choices[at]}</kbd>} {marked !== null && <span class={`mark-box ${marked ? "marked" : ""}`} aria-hidden="true">{marked && "✓"}</span>}
            <span class="choice-words"><bdi>{words}</bdi>{described[at] && <span class="choice-description"> <bdi>{described[at]}</bdi></span>}</span>
          </button>
        );
      })}
      {question.free_text && (
        <form class="answer-text" data-testid="answer-text" onSubmit={send}>
          {digits.text !== "" && question.choices.length > 0 && <kbd>{digits.text}</kbd>}
          <input
            ref={field}
            class="input"
            autocomplete="off"
            placeholder={question.choices.length > 0 ? "Another answer" : "Answer"}
            aria-label={`Answer ${agent.name}`}
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Escape" && event.currentTarget.closest("article")?.focus()}
          />
          <button class="button small" disabled={!live || text.value === ""}>Answer</button>
        </form>
      )}
    </>
  );
}
