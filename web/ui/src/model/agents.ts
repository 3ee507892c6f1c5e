// What can be said about an agent: where it comes from, and its state in words for people. Pure.

import type { Agent, StateKind, TerminalInfo } from "../protocol/types";
import { formatAge } from "./format";
import { stateSince } from "./store";

/** Somebody else's session: Consort found it and does not know how to start it again. */
export function isFound({ origin, managed }: Agent): boolean {
  return origin === undefined ? !managed : origin === "found";
}

export function activeTerminal({ terminals }: Agent): TerminalInfo | null {
  return terminals.find((terminal) => terminal.active) ?? terminals[0] ?? null;
}

/** The title that a program has given its terminal, if it says more than the agent's name. */
export function agentTitle(agent: Agent): string {
  const title = activeTerminal(agent)?.title ?? "";
  return title === agent.leaf || title === agent.name ? "" : title;
}

/** Reasons that say no more than the state itself. */
const EMPTY_REASONS = new Set([
  "", "it prints", "it is quiet", "not looked at yet", "just started looking", "stopped by you", "it worked and has become quiet",
  "the command has ended",
]);

const NOT_STARTED = /^it could not be started: /;

/** Why it is in its state; empty if there is nothing to add to the state. */
export function stateReason(agent: Agent): string {
  const { kind, why } = agent.state;
  if (EMPTY_REASONS.has(why) || (kind === "exited" && exitCode(agent) !== null)) return "";
  return why.replace(/^its screen says /, "").replace(NOT_STARTED, "");
}

/** The state in a word or two. */
export function stateWord(agent: Agent): string {
  switch (agent.state.kind) {
    case "working":
      return "Working";
    case "waiting":
      return "Waiting for you";
    case "failed":
      return "Cannot go on";
    case "idle":
      return "Idle";
    case "done":
      return "Done, not seen yet";
    case "unknown":
      return "Not known yet";
    case "exited":
      return exitWord(agent);
  }
}

/** The order in which states need somebody. */
export const STATE_ORDER: readonly StateKind[] = ["waiting", "failed", "working", "done", "idle", "exited", "unknown"];

/** A state as people filter by it: "waiting", "not running". */
export function stateNoun(kind: StateKind): string {
  return kind === "exited" ? "not running" : kind;
}

/** State, age and reason in one line, for example "Exited (3), 5 min ago". */
export function stateSentence(agent: Agent, now: number): string {
  const { kind, source } = agent.state;
  const age = formatAge(now - stateSince(agent));
  const reason = stateReason(agent);
  const because = reason === "" ? "" : `: ${reason}`;
  if (kind === "unknown") return stateWord(agent) + because;
  const ago = age === "now" ? "just now" : `${age} ago`;
  if (kind === "done") return `Done ${ago}, not seen yet${because}`;
  if (kind === "exited") return `${stateWord(agent)}, ${ago}${because}`;
  if (age !== "now") return `${stateWord(agent)} for ${age}${because}`;
  return kind === "working" && source === "output" ? "Working, printed just now" : stateWord(agent) + because;
}

function exitWord(agent: Agent): string {
  const code = exitCode(agent);
  if (code !== null) return `Exited (${code})`;
  if (agent.running) return "Exited";
  if (NOT_STARTED.test(agent.state.why)) return "Could not be started";
  return agent.wanted === "stopped" ? "Stopped by you" : "Stopped";
}

/** Of the program that has ended in its terminal; `null` if the terminal is gone or nobody knows. */
function exitCode(agent: Agent): number | null {
  return agent.running ? (activeTerminal(agent)?.exit_code ?? null) : null;
}

/** What it does now, in a few words: what it works on or asks, else its title. */
export function activity(agent: Agent): string {
  const { kind, question } = agent.state;
  if (kind === "waiting" && question != null) return question.text;
  const reason = kind === "working" || kind === "waiting" || kind === "failed" ? stateReason(agent) : "";
  return SAYS_NOTHING.test(reason) ? agentTitle(agent) : reason;
}

/** Reasons that name a signal, and nothing that somebody could want to know. */
const SAYS_NOTHING = /^$|^its (title|screen) |^it says |\besc to interrupt\b|\besc interrupt\b|^busy$/iu;
