// Keys that an on-screen keyboard lacks. They never take the focus, so that the keyboard stays open.

import type { JSX } from "preact";
import { QUICK_ANSWERS } from "../model/quick-answers";
import { NO_MODIFIERS } from "../terminal/modifiers";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";
import { Icon } from "./icons";

export function KeyBar({ session }: { session: TerminalSession }): JSX.Element {
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
  return (
    <div class={`key-bar ${keyboard ? "with-keyboard" : ""}`} role="toolbar" aria-label="Terminal keys" data-testid="key-bar">
      <Key label="Esc" press={() => press("\x1b")} />
      <Key label="Ctrl" held={ctrl} press={() => (app.modifiers.value = { ctrl: !ctrl, alt })} />
      <Key label="Alt" held={alt} press={() => (app.modifiers.value = { ctrl, alt: !alt })} />
      <Key label="^C" name="Control C" press={interrupt} />
      <Key label="Tab" press={() => press("\t")} />
      <Key label="⇧Tab" name="Shift Tab" press={() => press("\x1b[Z")} />
      {!keyboard && QUICK_ANSWERS.filter(({ text }) => text !== "\r").map(({ label, name, text }) => (
        <Key key={label} label={label} name={name} press={() => press(text)} />
      ))}
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
