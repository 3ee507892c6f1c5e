// What about agents a person wants to be notified of, and when that is over. Pure.

import type { Agent } from "../protocol/types";
import { stateReason } from "./agents";

export const ALERT_KINDS = ["waiting", "failed", "done"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface AlertSettings {
  /** The person has switched notifications on in this browser. */
  readonly on: boolean;
  readonly kinds: readonly AlertKind[];
  readonly sound: boolean;
  /** Names of agents and of groups of them (`customers-zoom`) that stay quiet. */
  readonly muted: readonly string[];
}

export const NO_ALERTS: AlertSettings = { on: false, kinds: ALERT_KINDS, sound: false, muted: [] };

export function isAlertSettings(value: unknown): value is AlertSettings {
  const { on, kinds, sound, muted } = (value ?? {}) as Partial<AlertSettings>;
  return typeof on === "boolean" && typeof sound === "boolean" && isTexts(kinds) && isTexts(muted);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Something that a person may want to know at once. */
export interface Alert {
  /** Unique within this page. */
  readonly key: string;
  readonly agent: string;
  readonly kind: AlertKind;
}

export interface AlertChanges {
  readonly began: readonly Alert[];
  readonly ended: readonly Alert[];
}

/** Questions that are remembered, so that none is an alert twice. */
const MOST_REMEMBERED = 500;

/** Finds alerts in how the list of agents changes. */
export class AlertTracker {
  private readonly current = new Map<string, { readonly alert: Alert; readonly question: string | null }>();
  private readonly asked = new Set<string>();
  private count = 0;

  /** The list now. `isReachable`: of others nothing new is known. */
  update(agents: Iterable<Agent>, isReachable: (agent: Agent) => boolean): AlertChanges {
    const [began, ended]: [Alert[], Alert[]] = [[], []];
    const gone = new Set(this.current.keys());
    for (const agent of agents) {
      const kind = isReachable(agent) ? alertKind(agent) : null;
      const before = this.current.get(agent.id);
      const question = agent.state.question?.id ?? null;
      if (kind === null) continue;
      const same = before?.alert.kind === kind && (before.question === null || question === null || before.question === question);
      if (same) {
        gone.delete(agent.id);
        this.remember(agent, question);
        if (before.question === null && question !== null) this.current.set(agent.id, { alert: before.alert, question });
        continue;
      }
      if (before !== undefined) ended.push(before.alert);
      gone.delete(agent.id);
      const known = question !== null && this.asked.has(`${agent.id} ${question}`);
      const alert: Alert = { key: `${agent.id} ${this.count++}`, agent: agent.id, kind };
      this.current.set(agent.id, { alert, question });
      this.remember(agent, question);
      if (!known) began.push(alert);
    }
    for (const id of gone) {
      ended.push(this.current.get(id)!.alert);
      this.current.delete(id);
    }
    return { began, ended };
  }

  isCurrent({ agent, key }: Alert): boolean {
    return this.current.get(agent)?.alert.key === key;
  }

  private remember({ id }: Agent, question: string | null): void {
    if (question === null) return;
    this.asked.add(`${id} ${question}`);
    if (this.asked.size > MOST_REMEMBERED) this.asked.delete(this.asked.values().next().value!);
  }
}

function alertKind({ state }: Agent): AlertKind | null {
  return ALERT_KINDS.find((kind) => kind === state.kind) ?? null;
}

/** Whether somebody wants to be notified of such an alert of this agent. */
export function isWanted({ on, kinds, muted }: AlertSettings, kind: AlertKind, { name }: Agent): boolean {
  return on && kinds.includes(kind) && !muted.some((quiet) => isWithin(quiet, name));
}

/** Whether a name is this one or in the group of this name. */
export function isWithin(group: string, name: string): boolean {
  return name === group || name.startsWith(`${group}-`);
}

export function withMuted(settings: AlertSettings, name: string, mute: boolean): AlertSettings {
  const others = settings.muted.filter((quiet) => quiet !== name);
  return { ...settings, muted: mute ? [...others, name].sort() : others };
}

const MOST_CHARACTERS = 240;

/** The words of a notification. `address`: what people call the agent. */
export function alertWords(agent: Agent, kind: AlertKind, address: string): { readonly title: string; readonly body: string } {
  const title = { waiting: `${address} waits for you`, failed: `${address} cannot go on`, done: `${address} is done` }[kind];
  const { question } = agent.state;
  const body = question == null ? stateReason(agent) : [question.text, question.detail].filter((part) => part !== "").join("\n");
  return { title, body: body.length > MOST_CHARACTERS ? `${body.slice(0, MOST_CHARACTERS - 1)}…` : body };
}
