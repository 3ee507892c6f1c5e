// Keys that an on-screen keyboard lacks, and the answers to what the agent asks. They never take the focus, so that the keyboard stays open.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { HOLD_MS } from "../model/steady-list";
import type { Agent, Question } from "../protocol/types";
import { NO_MODIFIERS } from "../terminal/modifiers";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";
import { Icon } from "./icons";
import { Choices, isAnswerable, setsMark, useAsked, type Given } from "./question-choices";

export function KeyBar({ agent, session }: { agent: Agent; session: TerminalSession }): JSX.Element {
  const app = useApp();
  const { ctrl, alt } = app.modifiers.value;
  // What it has itself need not be here, and the room is needed.
  const keyboard = app.space.keyboardPx.value > 0;
  const press = (text: string): void => session.typeModified(text);
  const cursor = (final: string): void => {
    press(`\x1b${session.view.xterm.modes.applicationCursorKeysMode ? "O" : "["}${final}`);
  };
  const interrupt = (): void => {
    app.modifiers.value = NO_MODIFIERS;
    session.type("\x03");
  };
  const { question } = agent.state;
  return (
    <div class={`key-bar ${keyboard ? "with-keyboard" : ""}`} role="toolbar" aria-label="Terminal keys" data-testid="key-bar">
      {app.store.isWaiting(agent) && isAnswerable(question) && question.terminal === session.terminal && <Answers agent={agent} question={question} />}
      <Key label="Esc" press={() => press("\x1b")} />
      <Key label="Ctrl" held={ctrl} press={() => (app.modifiers.value = { ctrl: !ctrl, alt })} />
      <Key label="Alt" held={alt} press={() => (app.modifiers.value = { ctrl, alt: !alt })} />
      <Key label="^C" name="Control C" press={interrupt} />
      <Key label="Tab" press={() => press("\t")} />
      <Key label="⇧Tab" name="Shift Tab" press={() => press("\x1b[Z")} />
      <Key label="↑" name="Up" press={() => cursor("A")} />
      <Key label={<Icon name="paste" />} name="Paste" press={() => void app.pasteFromClipboard()} />
      <Key label={<Icon name="keyboard" />} name="Show or hide the keyboard" press={() => toggleKeyboard(session)} />
      <Key label="⇧⏎" name="New line" press={() => session.pressKey("Enter", true)} />
      <Key label="⏎" name="Enter" press={() => press("\r")} />
      <Key label="←" name="Left" press={() => cursor("D")} />
      <Key label="↓" name="Down" press={() => cursor("B")} />
      <Key label="→" name="Right" press={() => cursor("C")} />
    </div>
  );
}

/** What the agent asks is answered as from its card: only if it is still asked. */
function Answers({ agent, question }: { agent: Agent; question: Question }): JSX.Element {
  const app = useApp();
  const { identity, since } = useAsked(question);
  /** The question that was just answered. */
  const sent = useSignal({ question: "", label: "" });
  useEffect(() => {
    if (sent.value.question === "") return undefined;
    const timer = setTimeout(() => (sent.value = { question: "", label: "" }), HOLD_MS);
    return () => clearTimeout(timer);
  }, [sent.value]);
  const answer = (given: Given): void => {
    if (!setsMark(question, given)) sent.value = { question: question.id, label: given.label };
    void app.answerQuestion(agent, question, given.answer).then((problem) => {
      if (problem === null) return;
      sent.value = { question: "", label: "" };
      app.notices.show("warning", "Not answered.", { hint: problem });
    });
  };
  return (
    <div class="key-answers" role="group" aria-label={`Answer ${agent.name}`} data-testid="key-answers">
      {sent.value.question === question.id ? (
        <span class="sent" data-testid="answer-sent" role="status">Sent <kbd>{sent.value.label}</kbd></span>
      ) : (
        <Choices key={identity} agent={agent} question={question} since={since} answer={answer} />
      )}
    </div>
  );
}

function Key({ label, name, held, press }: { label: JSX.Element | string; name?: string; held?: boolean; press: () => void }): JSX.Element {
  return (
    <button
      class={`key ${held === true ? "held" : ""}`}
      aria-label={name}
      aria-pressed={held}
      onPointerDown={(event) => event.preventDefault()}
      onMouseDown={(event) => event.preventDefault()}
      onClick={press}
    >
      {label}
    </button>
  );
}

function toggleKeyboard({ view }: TerminalSession): void {
  if (view.xterm.textarea === document.activeElement) view.xterm.blur();
  else view.xterm.focus();
}
