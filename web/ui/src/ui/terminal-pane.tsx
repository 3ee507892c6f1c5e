// The place of a terminal on the page: gives it the space there is, and says what the user should know about it.

import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Agent } from "../protocol/types";
import { formatBytes } from "../model/format";
import type { Pixels } from "../terminal/fit";
import type { TerminalSession } from "../terminal/session";
import { StaleNotice } from "./connection-bar";
import { useApp } from "./context";
import { Icon } from "./icons";
import { KeyBar } from "./key-bar";
import { SearchBar } from "./search-bar";
import { TerminalFooter } from "./terminal-footer";

/** Space around the terminal; the scroll bar lies in the right margin. */
const MARGIN_PX = { left: 8, right: 14, top: 6, bottom: 4 } as const;
/** Less than this is an exchange over the network, not a backlog worth showing. */
const BACKLOG_BYTES = 65_536;

export function TerminalPane({ agent, terminal }: { agent: Agent; terminal: number }): JSX.Element {
  const app = useApp();
  const space = useRef<HTMLDivElement>(null);
  const session = useMemo(() => app.pool.open(agent.id, terminal), [app, agent.id, terminal]);
  const zoom = useSignal(1);
  useTerminalOnPage(session, space, zoom);

  const { phase, hasContent, pendingInputBytes, end } = session.state.value;
  const stale = hasContent && (phase === "waiting" || !app.isLive.value);
  return (
    <section class="terminal-pane" aria-label={`Terminal of ${agent.name}`}>
      {app.searching.value && <SearchBar session={session} />}
      <div
        ref={space}
        class={`terminal-space ${stale ? "stale" : ""} ${hasContent ? "" : "blank"} ${session.state.value.holder === "you" ? "" : "scaled"}`}
        data-testid="terminal"
        data-agent-id={agent.id}
        data-terminal={terminal}
        data-phase={phase}
        data-holder={session.state.value.holder}
        style={{ "--terminal-bg": app.preferences.look.value.theme.background }}
      />
      <div class="terminal-overlays">
        {end === null && <StaleNotice pendingBytes={pendingInputBytes} waiting={phase === "waiting"} />}
        {end !== null && <EndedNotice agent={agent} message={end.message} session={session} />}
        {app.isLive.value && pendingInputBytes > BACKLOG_BYTES && (
          <div class="pill" role="status">Sending, {formatBytes(pendingInputBytes)} left</div>
        )}
        {session.linesFromBottom.value > 0 && (
          <button class="pill" data-testid="scroll-to-bottom" onClick={() => session.view.xterm.scrollToBottom()}>
            <Icon name="down" /> {session.linesFromBottom.value} lines below
          </button>
        )}
      </div>
      <TerminalFooter agent={agent} terminal={terminal} session={session} zoom={zoom} />
      {app.space.touch.value && <KeyBar session={session} />}
    </section>
  );
}

function EndedNotice({ agent, message, session }: { agent: Agent; message: string; session: TerminalSession }): JSX.Element {
  const app = useApp();
  return (
    <div class="ended-notice" data-testid="ended-notice" role="status">
      <span>
        <strong>This terminal has ended.</strong> {message}
      </span>
      {agent.running ? (
        <button class="button small" onClick={() => session.reopen()}>Look again</button>
      ) : (
        <button
          class="button small primary"
          data-testid="ended-start"
          disabled={app.busy.value.has(agent.id)}
          onClick={() => void app.run(agent, "start")}
        >
          <Icon name="play" /> Start
        </button>
      )}
    </div>
  );
}

/** An agent without a terminal: it is stopped, or about to have one. */
export function StoppedPane({ agent }: { agent: Agent }): JSX.Element {
  const app = useApp();
  const busy = app.busy.value.has(agent.id);
  return (
    <section class="terminal-pane stopped-pane" data-testid="stopped">
      <div class="home-card">
        {agent.running ? (
          <p class="dim">The terminal is being prepared…</p>
        ) : (
          <>
            <h2>{agent.leaf} is stopped</h2>
            <p class="dim">Its name, notes and settings are kept. Start it to get a new terminal.</p>
            <button class="button primary" data-testid="stopped-start" disabled={busy} onClick={() => void app.run(agent, "start")}>
              <Icon name="play" /> Start
            </button>
          </>
        )}
      </div>
    </section>
  );
}

function useTerminalOnPage(session: TerminalSession, space: { current: HTMLElement | null }, zoom: { readonly value: number }): void {
  const app = useApp();
  useLayoutEffect(() => {
    const element = space.current!;
    const room = roomIn(element, () => app.space.keyboardPx.value);
    session.show(element, room);
    const observer = new ResizeObserver(() => {
      // The on-screen keyboard covers the terminal; it must not change its size.
      if (app.space.keyboardPx.value > 0) revealCursor(element, session);
      else session.layout();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      app.pool.hide(session);
    };
  }, [session]);

  useEffect(() => session.setZoom(zoom.value), [zoom.value]);
  useEffect(() => {
    if (!app.focusWanted.value) return;
    app.focusWanted.value = false;
    if (app.dialog.peek() === null) session.view.xterm.focus();
  }, [session, app.focusWanted.value]);
}

/** The room for the terminal; remembered while the on-screen keyboard is open. */
function roomIn(element: HTMLElement, keyboardPx: () => number): () => Pixels {
  let last: Pixels = { width: 0, height: 0 };
  return () => {
    if (keyboardPx() === 0 || last.width === 0) {
      last = {
        width: element.clientWidth - MARGIN_PX.left - MARGIN_PX.right,
        height: element.clientHeight - MARGIN_PX.top - MARGIN_PX.bottom,
      };
    }
    return last;
  };
}

function revealCursor(element: HTMLElement, { view }: TerminalSession): void {
  const { cursorY } = view.xterm.buffer.active;
  const screen = view.host.querySelector<HTMLElement>(".xterm-screen");
  if (screen === null) return;
  const cursorBottom = ((cursorY + 2) / view.xterm.rows) * screen.offsetHeight;
  element.scrollTop = Math.max(0, cursorBottom - element.clientHeight);
}
