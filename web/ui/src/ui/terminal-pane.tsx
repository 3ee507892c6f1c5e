// The place of a terminal on the page: gives it the space there is, and says what the user should know about it.

import type { JSX } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Agent } from "../protocol/types";
import { formatBytes, plural } from "../model/format";
import type { Pixels } from "../terminal/fit";
import type { TerminalSession } from "../terminal/session";
import { StaleNotice } from "./connection-bar";
import { useApp } from "./context";
import { Icon } from "./icons";
import { KeyBar } from "./key-bar";
import { NextStartLine, useNextStart } from "./next-start";
import { SearchBar } from "./search-bar";
import { TerminalFooter } from "./terminal-footer";

/** Space around the terminal; the scroll bar lies in the right margin. */
const MARGIN_PX = { left: 8, right: 14, top: 6, bottom: 4 } as const;
/** Less than this is an exchange over the network, not a backlog worth showing. */
const BACKLOG_BYTES = 65_536;

interface Props {
  readonly agent: Agent;
  readonly terminal: number;
  readonly gone: boolean;
}

export function TerminalPane({ agent, terminal, gone }: Props): JSX.Element {
  const app = useApp();
  const session = useMemo(() => app.pool.open(agent.id, terminal), [app, agent.id, terminal]);
  const ended = gone || session.state.value.end !== null;
  const places = gone ? null : app.panesTogether(agent, terminal);
  return (
    <section class="terminal-pane" aria-label={`Terminal of ${agent.name}`}>
      {app.searching.value && <SearchBar session={session} />}
      {places === null ? (
        <Stage key={`${agent.id}/${terminal}`} agent={agent} terminal={terminal} gone={gone} focused={true} />
      ) : (
        <div class="window-panes" data-testid="window-panes">
          {places.map((place) => (
            <div
              key={`${agent.id}/${place.terminal.id}`}
              class={`window-pane ${place.terminal.id === terminal ? "focused" : ""}`}
              data-testid="window-pane"
              style={{ left: `${place.left}%`, top: `${place.top}%`, width: `${place.width}%`, height: `${place.height}%` }}
              onFocusCapture={() => app.showPane(agent, place.terminal.id)}
            >
              <Stage agent={agent} terminal={place.terminal.id} gone={gone} focused={place.terminal.id === terminal} together />
            </div>
          ))}
        </div>
      )}
      {app.fullScreen.value && <LeaveFullScreen />}
      <TerminalFooter agent={agent} terminal={terminal} session={session} together={places !== null} />
      {app.space.touch.value && !ended && app.store.mayOperate(agent) && <KeyBar agent={agent} session={session} />}
    </section>
  );
}

/** One terminal with what is to be known about it. `together`: seen with the other terminals of its window. */
function Stage({ agent, terminal, gone, focused, together = false }: Props & { focused: boolean; together?: boolean }): JSX.Element {
  const app = useApp();
  const space = useRef<HTMLDivElement>(null);
  const session = useMemo(() => app.pool.show(agent.id, terminal), [app, agent.id, terminal]);
  const mayType = app.store.mayOperate(agent);
  useTerminalOnPage(session, space, focused, together);
  useEffect(() => {
    session.setReadOnly(!mayType);
  }, [session, mayType]);

  const { phase, hasContent, pendingInputBytes, end, fitted, holder } = session.state.value;
  const node = app.store.nodeOf(agent);
  const away = node === null || node.reachable ? null : node;
  const stale = hasContent && (phase === "waiting" || away !== null || !app.isLive.value);
  const ended = gone || end !== null;
  return (
    <div class="terminal-stage">
      <div
        ref={space}
        class={`terminal-space ${stale && !ended ? "stale" : ""} ${hasContent ? "" : "blank"} ${fitted ? "" : "scaled"}`}
        data-testid="terminal"
        data-agent-id={agent.id}
        data-terminal={terminal}
        data-phase={phase}
        data-holder={holder}
        style={{ "--terminal-bg": app.preferences.look.value.theme.background }}
        onScroll={() => session.panned()}
        // Beside a terminal that is smaller than the space.
        onClick={(event) => event.target === space.current && session.view.xterm.focus()}
      />
      {!ended && focused && <StaleNotice pendingBytes={pendingInputBytes} waiting={phase === "waiting"} away={away} session={session} />}
      <div class="terminal-overlays">
        {!mayType && <OnlyLooking agent={agent} session={session} />}
        {ended && <EndedNotice agent={agent} gone={gone} session={session} />}
        {app.isLive.value && pendingInputBytes > BACKLOG_BYTES && (
          <div class="pill" role="status">Sending, {formatBytes(pendingInputBytes)} left</div>
        )}
        {session.linesFromBottom.value > 0 && (
          <button class="pill" data-testid="scroll-to-bottom" onClick={() => session.view.xterm.scrollToBottom()}>
            <Icon name="down" /> {plural(session.linesFromBottom.value, "line")} below
          </button>
        )}
      </div>
    </div>
  );
}

const SAID_MS = 6_000;

/** Says where one types that it is in vain; for a while after each key. */
function OnlyLooking({ agent, session }: { agent: Agent; session: TerminalSession }): JSX.Element | null {
  const app = useApp();
  const refusals = session.refusals.value;
  const said = useSignal(false);
  useEffect(() => {
    said.value = refusals > 0;
    const timer = setTimeout(() => (said.value = false), SAID_MS);
    return () => clearTimeout(timer);
  }, [refusals]);
  if (!said.value) return null;
  const machine = app.store.nodeOf(agent)?.name ?? "that machine";
  return (
    <div class="may-not-type" data-testid="may-not-type" role="alert">
      <strong>Not sent.</strong> This machine may only look at the agents of {machine}.
    </div>
  );
}

function LeaveFullScreen(): JSX.Element {
  const app = useApp();
  return (
    <button class="pill leave-full-screen" data-testid="leave-full-screen" onClick={() => app.setFullScreen(false)}>
      <Icon name="shrink" /> Leave full screen {!app.space.touch.value && <kbd>Ctrl+Shift+Enter</kbd>}
    </button>
  );
}

function EndedNotice({ agent, gone, session }: { agent: Agent; gone: boolean; session: TerminalSession }): JSX.Element {
  const app = useApp();
  const start = useNextStart(agent);
  const { end } = session.state.value;
  return (
    <div class="ended-notice" data-testid="ended-notice" role="status">
      <span>
        {gone ? <><strong><bdi>{agent.name}</bdi> is closed.</strong> This is its last known screen.</> : <strong>{endSentence(end)}</strong>}
      </span>
      {gone ? (
        <button class="button small" onClick={() => app.goHome()}>Back to the start</button>
      ) : agent.running ? (
        <button class="button small" onClick={() => session.reopen()}>Reload</button>
      ) : (
        <>
          <NextStartLine start={start} />
          <button
            class="button small primary"
            data-testid="ended-start"
            disabled={app.busy.value.has(agent.id)}
            onClick={() => void app.run(agent, "start")}
          >
            <Icon name="play" /> Start
          </button>
          {start?.resumes != null && <StartFresh agent={agent} small />}
        </>
      )}
    </div>
  );
}

function endSentence(end: TerminalSession["state"]["value"]["end"]): string {
  if (end === null || end.reason === "exited") return "This terminal has ended.";
  return end.message === "" ? "This terminal cannot be shown." : end.message;
}

function StartFresh({ agent, small = false }: { agent: Agent; small?: boolean }): JSX.Element {
  const app = useApp();
  return (
    <button
      class={`button ${small ? "small" : ""}`}
      data-testid="start-fresh"
      disabled={app.busy.value.has(agent.id)}
      onClick={() => void app.run(agent, "start", true)}
    >
      Start fresh
    </button>
  );
}

/** An agent without a terminal: it is stopped, or about to have one. */
export function StoppedPane({ agent, gone }: { agent: Agent; gone: boolean }): JSX.Element {
  const app = useApp();
  const busy = app.busy.value.has(agent.id);
  const start = useNextStart(agent);
  return (
    <section class="terminal-pane stopped-pane" data-testid="stopped">
      <div class="home-card">
        {gone ? (
          <>
            <h2><bdi>{agent.name}</bdi> is closed</h2>
            <button class="button" onClick={() => app.goHome()}>Back to the start</button>
          </>
        ) : agent.running ? (
          <p class="dim">The terminal is being prepared…</p>
        ) : (
          <>
            <h2><bdi>{agent.leaf}</bdi> is stopped</h2>
            <p class="dim">Its name, notes and settings are kept. Start it to get a new terminal.</p>
            <NextStartLine start={start} />
            <div class="button-row">
              <button class="button primary" data-testid="stopped-start" disabled={busy} onClick={() => void app.run(agent, "start")}>
                <Icon name="play" /> Start
              </button>
              {start?.resumes != null && <StartFresh agent={agent} />}
            </div>
          </>
        )}
      </div>
    </section>
  );
}

function useTerminalOnPage(session: TerminalSession, space: { current: HTMLElement | null }, focused: boolean, together: boolean): void {
  const app = useApp();
  useLayoutEffect(() => {
    const element = space.current!;
    const room = roomIn(element, () => app.space.keyboardPx.value);
    app.pool.show(session.agent, session.terminal);
    session.show(element, room, together);
    const observer = new ResizeObserver(() => {
      // The on-screen keyboard covers the terminal; it must not change its size.
      if (app.space.keyboardPx.value > 0) session.view.revealCursor();
      else session.layout();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      app.pool.hide(session);
    };
  }, [session]);

  useLayoutEffect(() => {
    if (focused) app.pool.open(session.agent, session.terminal);
  }, [session, focused]);

  useEffect(() => {
    if (!focused || !app.focusWanted.value) return;
    app.focusWanted.value = false;
    if (app.dialog.peek() === null) session.view.xterm.focus();
  }, [session, focused, app.focusWanted.value]);
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
