// Notifications of the browser: one for each question, failure and finished work that nobody sees, withdrawn when it is over.

import { effect, signal } from "@preact/signals";
import { AlertTracker, alertWords, isWanted, type Alert, type AlertKind } from "../model/alerts";
import type { Agent } from "../protocol/types";
import type { App } from "./app";
import { beep } from "./beep";
import { Notifier } from "./notifier";
import { SiblingTabs } from "./sibling-tabs";

/** What is over sooner is not worth a notification. */
const SETTLE_MS: Record<AlertKind, number> = { waiting: 300, failed: 1_500, done: 1_500 };

export type Permission = NotificationPermission | "unsupported";

export class AlertKeeper {
  /** Whether the browser shows notifications of this page. */
  readonly permission = signal<Permission>(permission());
  private readonly tabs = new SiblingTabs();
  private readonly tracker = new AlertTracker();
  private readonly notifier = new Notifier((agent) => this.app.open(agent));
  /** The list has arrived once: what is in it then is not new. */
  private began = false;

  constructor(private readonly app: App) {}

  start(): void {
    this.tabs.start();
    this.notifier.start();
    effect(() => this.tabs.look(this.app.pageVisible.value ? this.app.agentsInSight.value : []));
    effect(() => {
      const { agents, loaded, nodes } = this.app.store;
      void nodes.value;
      if (loaded.value && this.app.isLive.value) this.update([...agents.value.values()]);
    });
    effect(() => this.badge(this.app.store.waiting.value.length));
  }

  /** Asks the person for leave; only after a click. */
  async switchOn(): Promise<void> {
    if (this.permission.peek() === "unsupported") return;
    const { alerts } = this.app.preferences;
    try {
      this.permission.value = await Notification.requestPermission();
    } catch {
      this.permission.value = permission();
    }
    if (this.permission.peek() === "granted") alerts.value = { ...alerts.peek(), on: true };
  }

  private update(agents: readonly Agent[]): void {
    const { began, ended } = this.tracker.update(agents, (agent) => this.app.store.isReachable(agent));
    for (const { key } of ended) this.notifier.close(key);
    // What began while they were off is no news when they are switched on.
    if (this.began && this.app.preferences.alerts.peek().on) for (const alert of began) setTimeout(() => void this.consider(alert), SETTLE_MS[alert.kind]);
    this.began = true;
  }

  private async consider(alert: Alert): Promise<void> {
    const agent = this.app.store.agent(alert.agent);
    const settings = this.app.preferences.alerts.peek();
    if (agent === null || !this.tracker.isCurrent(alert) || !this.tabs.isSpeaker) return;
    if (!isWanted(settings, alert.kind, agent) || this.tabs.isSeen(agent.id)) return;
    if ((await this.show(alert, agent)) && settings.sound) beep();
  }

  private async show(alert: Alert, agent: Agent): Promise<boolean> {
    const words = alertWords(agent, alert.kind, this.app.store.addressOf(agent));
    const shown = await this.notifier.show(alert.key, agent.id, words);
    if (!shown) this.permission.value = "unsupported";
    return shown;
  }

  /** How many wait, on the icon of the tab and of the application. */
  private badge(waiting: number): void {
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    const name = waiting > 0 ? "icon-waiting.svg" : "icon.svg";
    if (icon !== null && !icon.href.endsWith(`/${name}`)) icon.href = icon.href.replace(/[^/]*$/, name);
    const done = waiting > 0 ? navigator.setAppBadge?.(waiting) : navigator.clearAppBadge?.();
    void done?.catch(() => undefined);
  }
}

function permission(): Permission {
  return "Notification" in window ? Notification.permission : "unsupported";
}
