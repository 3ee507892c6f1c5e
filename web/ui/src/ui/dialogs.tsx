// The dialog that is open, if any, and the small ones.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { THEMES } from "../app/preferences";
import { ANYWHERE, OUTSIDE_TERMINAL, type ShortcutHelp } from "../app/shortcuts";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";
import { AdoptDialog } from "./adopt-dialog";
import { AlertSettingsPart } from "./alert-settings";
import { BulkDialog } from "./bulk-dialog";
import { CreateDialog } from "./create-dialog";
import { DeleteDialog } from "./delete-dialog";
import { Dialog } from "./dialog";
import { LinkDialog } from "./link-dialog";
import { ExplainDialog } from "./explain-dialog";
import { EnvironmentSettings } from "./environment-settings";
import { InterruptDialog } from "./interrupt-dialog";
import { InviteDialog, JoinDialog, LeaveDialog, RemoveMachineDialog } from "./machine-dialogs";
import { OriginList } from "./origin-list";
import { PromptDialog } from "./prompt-dialog";
import { Palette } from "./palette";

export function Dialogs(): JSX.Element | null {
  const open = useApp().dialog.value;
  switch (open?.kind) {
    case undefined:
      return null;
    case "create":
      return <CreateDialog path={open.path} node={open.node} />;
    case "delete":
      return <DeleteDialog agent={open.agent} />;
    case "interrupt":
      return <InterruptDialog agent={open.agent} verb={open.verb} />;
    case "invite":
      return <InviteDialog />;
    case "join":
      return <JoinDialog />;
    case "remove-machine":
      return <RemoveMachineDialog node={open.node} />;
    case "leave":
      return <LeaveDialog />;
    case "switch":
      return <Palette />;
    case "help":
      return <HelpDialog />;
    case "settings":
      return <SettingsDialog />;
    case "bulk":
      return <BulkDialog verb={open.verb} agents={open.agents} />;
    case "link":
      return <LinkDialog url={open.url} host={open.host} shown={open.shown} />;
    case "prompt":
      return <PromptDialog agent={open.agent} />;
    case "adopt":
      return <AdoptDialog agent={open.agent} />;
    case "explain":
      return <ExplainDialog agent={open.agent} />;
    case "text":
      return <TextDialog session={open.session} />;
  }
}

function HelpDialog(): JSX.Element {
  return (
    <Dialog title="Keyboard shortcuts" testid="help-dialog" wide>
      <div class="shortcut-columns" tabIndex={0}>
        <ShortcutList title="Everywhere, also in a terminal" list={ANYWHERE} />
        <ShortcutList title="Outside a terminal" list={OUTSIDE_TERMINAL} />
      </div>
      <p class="dim">All other keys belong to the program while a terminal has the keyboard.</p>
    </Dialog>
  );
}

function ShortcutList({ title, list }: { title: string; list: readonly ShortcutHelp[] }): JSX.Element {
  return (
    <section>
      <h3>{title}</h3>
      <dl class="shortcuts">
        {list.map(({ keys, does }) => (
          <div key={does}>
            <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function SettingsDialog(): JSX.Element {
  const { preferences, api, notices, store } = useApp();
  const { theme, darkTerminal, screenReader, shiftEnter } = preferences;
  const node = store.self.value;
  const logout = async (): Promise<void> => {
    await api.logout().catch(() => notices.show("error", "Could not log out: Consort cannot be reached."));
    location.reload();
  };
  return (
    <Dialog title="Settings" testid="settings-dialog">
      <fieldset class="choices">
        <legend>Theme</legend>
        {THEMES.map((choice) => (
          <label key={choice} class="choice">
            <input type="radio" name="theme" checked={theme.value === choice} onChange={() => (theme.value = choice)} />
            {{ system: "System", light: "Light", dark: "Dark" }[choice]}
          </label>
        ))}
      </fieldset>
      <fieldset class="choices">
        <legend>Shift+Enter and Ctrl+Enter in terminals</legend>
        {(["new-line", "submit"] as const).map((choice) => (
          <label key={choice} class="choice">
            <input type="radio" name="shift-enter" checked={shiftEnter.value === choice} onChange={() => (shiftEnter.value = choice)} />
            {{ "new-line": "New line", submit: "Submit, as Enter does" }[choice]}
          </label>
        ))}
      </fieldset>
      <Check checked={darkTerminal.value} set={(on) => (darkTerminal.value = on)}>Always use dark terminals</Check>
      <Check checked={screenReader.value} set={(on) => (screenReader.value = on)} testid="screen-reader">
        Screen reader support in terminals (slower)
      </Check>
      <hr />
      <AlertSettingsPart />
      <hr />
      <EnvironmentSettings />
      <hr />
      <OriginList />
      <hr />
      <dl class="fact-list">
        <dt>Machine</dt>
        <dd>{node?.name} <span class="dim mono">{node?.short}</span></dd>
        <dt>Version</dt>
        <dd>{node?.version}</dd>
      </dl>
      <button class="button" onClick={() => void logout()}>Log out</button>
    </Dialog>
  );
}

function Check(props: { checked: boolean; set: (on: boolean) => void; testid?: string; children: ComponentChildren }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" data-testid={props.testid} checked={props.checked} onChange={(event) => props.set(event.currentTarget.checked)} />
      {props.children}
    </label>
  );
}

/** The terminal as plain text: for selecting on a phone, and for reading in peace. */
function TextDialog({ session }: { session: TerminalSession }): JSX.Element {
  const app = useApp();
  const text = useMemo(() => session.view.text(), [session]);
  const box = useRef<HTMLPreElement>(null);
  // After the dialog is open: before that, nothing has a height. What was printed last is what is looked for.
  useEffect(() => box.current!.scrollTo({ top: box.current!.scrollHeight, behavior: "instant" }), []);
  return (
    <Dialog title="Terminal as text" testid="text-dialog" wide>
      <pre ref={box} class="terminal-text" data-testid="terminal-text" tabIndex={0} autofocus>{text}</pre>
      <div class="button-row">
        <button class="button" onClick={() => app.copy(text, "Copied everything.")}>Copy all</button>
      </div>
    </Dialog>
  );
}
