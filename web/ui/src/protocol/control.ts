// Control messages as JSON text: reads what the node sends, defensively, and writes what the browser sends.

import type { ClientMessage, ServerMessage } from "./types";

const KNOWN = new Set<string>([
  "welcome", "agents", "agent", "agent-gone", "categories", "nodes", "attached", "size",
  "input-ack", "input-lost", "ended", "error", "pong",
] satisfies ServerMessage["t"][]);

/** `null` for a message of a newer protocol: it is ignored, not an error. Throws only on text that is not JSON. */
export function decodeMessage(text: string): ServerMessage | null {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("t" in value)) return null;
  return typeof value.t === "string" && KNOWN.has(value.t) ? (value as ServerMessage) : null;
}

export function encodeMessage(message: ClientMessage): string {
  return JSON.stringify(message);
}
