// Says the truth about the connection: how fast it is, or since when it is gone and when it is tried again.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { formatBytes, formatLatency } from "../model/format";
import type { ConnectionState } from "../net/connection";
import { useApp } from "./context";

/** The permanent line under the list of agents. */
export function ConnectionBar(): JSX.Element {
  const app = useApp();
  const state = app.connection.value;
  const text = useConnectionText(state);
  return (
    <div class="connection-bar" data-testid="connection-bar" data-state={state.kind}>
      <span class="connection-dot" aria-hidden="true" />
      <span class="connection-text">{text}</span>
      {state.kind === "waiting" && (
        <button class="link-button" data-testid="reconnect-now" onClick={() => app.reconnectNow()}>Now</button>
      )}
      <span class="visually-hidden" role="status">{announcement(state)}</span>
    </div>
  );
}

/** Lies over a terminal whose content may be out of date, without moving anything. */
export function StaleNotice({ pendingBytes, waiting }: { pendingBytes: number; waiting: boolean }): JSX.Element | null {
  const app = useApp();
  const state = app.connection.value;
  const text = useConnectionText(state);
  if (state.kind === "open" && !waiting) return null;
  const pending = pendingBytes === 0 ? "" : ` ${formatBytes(pendingBytes)} of your typing is kept and sent then.`;
  return (
    <div class="stale-notice" data-testid="stale-notice" role="status">
      <span>
        <strong>{text}</strong> What you see may be out of date.{pending}
      </span>
      {state.kind === "waiting" && (
        <button class="button small" onClick={() => app.reconnectNow()}>Reconnect now</button>
      )}
    </div>
  );
}

function useConnectionText(state: ConnectionState): string {
  const app = useApp();
  const seconds = useSecondsUntil(state.kind === "waiting" ? state.retryAt : null);
  const node = app.store.self.value?.name ?? "the node";
  switch (state.kind) {
    case "open":
      return state.latencyMs === null ? `Connected to ${node}` : `${node} · ${formatLatency(state.latencyMs)}`;
    case "connecting":
      return app.store.loaded.value ? "Reconnecting…" : "Connecting…";
    case "waiting":
      return `${navigator.onLine ? "Disconnected" : "Offline"} · trying again ${seconds > 0 ? `in ${seconds} s` : "now"}`;
    case "login":
      return "Not logged in";
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
