// Says the truth about the connection: how fast it is, or since when it is gone and when it is tried again.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { formatBytes, formatLatency } from "../model/format";
import type { ConnectionState } from "../net/connection";
import type { NodeInfo } from "../protocol/types";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";

/** The permanent line under the list of agents. */
export function ConnectionBar(): JSX.Element {
  const app = useApp();
  const state = app.connection.value;
  const { short, full } = useConnectionText(state);
  return (
    <div class="connection-bar" data-testid="connection-bar" data-state={state.kind} title={full}>
      <span class="connection-dot" aria-hidden="true" />
      <span class="connection-text">{short}</span>
      {state.kind === "waiting" && (
        <button class="link-button" data-testid="reconnect-now" aria-label="Reconnect now" onClick={() => app.reconnectNow()}>Now</button>
      )}
      <span class="visually-hidden" role="status">{announcement(state)}</span>
    </div>
  );
}

interface Stale {
  readonly pendingBytes: number;
  readonly waiting: boolean;
  /** The machine of the agent, if it cannot be reached. */
  readonly away: NodeInfo | null;
  readonly session: TerminalSession;
}

/** Lies over a terminal whose content may be out of date, without moving anything and never over its cursor. */
export function StaleNotice(props: Stale): JSX.Element | null {
  const app = useApp();
  const state = app.connection.value;
  return state.kind === "open" && !props.waiting && props.away === null ? null : <StaleBanner {...props} state={state} />;
}

function StaleBanner({ pendingBytes, away, session, state }: Stale & { state: ConnectionState }): JSX.Element {
  const app = useApp();
  const { full } = useConnectionText(state);
  // Decided once: it does not jump while it is there.
  const top = useMemo(() => isCursorLow(session), [session]);
  // What is between here and the node comes first: what lies behind it is not known then.
  const beyond = state.kind === "open" ? away : null;
  const what = beyond === null ? full : `${app.store.nameOf(beyond)}: ${lowerFirst(app.store.machineSentence(beyond, app.now.value))}`;
  return (
    <div class={`stale-notice ${top ? "at-top" : ""}`} data-testid="stale-notice" role="status">
      <span>
        <strong>{what}.</strong>{" "}
        {pendingBytes === 0 ? "What you see may be out of date." : `${formatBytes(pendingBytes)} of your typing is kept and will be sent ${beyond === null ? "after reconnecting" : "when it is back"}.`}
      </span>
      {beyond === null && <button class="button small" disabled={state.kind !== "waiting"} onClick={() => app.reconnectNow()}>Reconnect now</button>}
    </div>
  );
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function isCursorLow({ view }: TerminalSession): boolean {
  return view.xterm.buffer.active.cursorY >= view.xterm.rows / 2;
}

/** `short` is never cut in the narrowest list. */
function useConnectionText(state: ConnectionState): { short: string; full: string } {
  const app = useApp();
  const seconds = useSecondsUntil(state.kind === "waiting" ? state.retryAt : null);
  const self = app.store.self.value;
  const node = self === null ? "Consort" : app.store.nameOf(self);
  const same = (text: string): { short: string; full: string } => ({ short: text, full: text });
  switch (state.kind) {
    case "open":
      return state.latencyMs === null ? same(node) : { short: `${node} · ${formatLatency(state.latencyMs)}`, full: `Connected to ${node}, ${formatLatency(state.latencyMs)} round trip` };
    case "connecting":
      return same(app.store.loaded.value ? "Reconnecting" : "Connecting…");
    case "waiting": {
      const when = seconds > 0 ? `in ${seconds} s` : "now";
      return { short: `Retry ${when}`, full: `${navigator.onLine ? "Disconnected" : "Offline"}, trying again ${when}` };
    }
    case "login":
      return same("Not logged in");
  }
}

function useSecondsUntil(time: number | null): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    if (time === null) return undefined;
    now.value = Date.now();
    const timer = setInterval(() => (now.value = Date.now()), 250);
    return () => clearInterval(timer);
  }, [time]);
  return time === null ? 0 : Math.max(0, Math.ceil((time - now.value) / 1000));
}

/** Changes only when the kind changes, so that a screen reader does not read every second. */
function announcement(state: ConnectionState): string {
  if (state.kind === "open") return "Connected.";
  return state.kind === "waiting" ? "Disconnected, trying again." : "";
}
