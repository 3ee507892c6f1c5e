// What can be done, by name: with one agent, with a group, with several, and on the page. Menus and the palette show it.

import { isFound, STATE_ORDER, stateNoun } from "../model/agents";
import { isWithin, withMuted } from "../model/alerts";
import { agentUrl } from "../model/route";
import type { BulkVerb } from "../model/bulk";
import type { GroupRow } from "../model/tree";
import type { Verb } from "../net/api";
import type { Agent } from "../protocol/types";
import type { App } from "./app";
import { besideOpenAgent, placeBeside } from "./beside";
import { THEMES } from "./preferences";
import { whyNotAdopt, whyNotChange, whyNotRun } from "./refusals";

export interface Command {
  readonly id: string;
  readonly label: string;
  /** The key that does the same. */
  readonly keys?: string;
  /** Why it cannot be done now. */
  readonly refusal?: string;
  readonly danger?: boolean;
  run(): void;
}

const VERBS: Record<Verb, string> = { start: "Start", stop: "Stop", restart: "Restart" };

/** `open`: it is on the screen already. */
export function agentCommands(app: App, agent: Agent, open = false): Command[] {
  const change = whyNotChange(app, agent);
  const verbs: readonly Verb[] = agent.running ? ["restart", "stop"] : ["start"];
  return [
    ...(open ? [] : [{ id: "open", label: "Open", keys: "Enter", run: () => app.open(agent.id) }]),
    { id: "rename", label: "Rename", keys: "F2", refusal: change, run: () => app.rename(agent) },
    ...verbs.map((verb) => ({ id: verb, label: VERBS[verb], refusal: whyNotRun(app, agent, verb), run: () => app.ask(agent, verb) })),
    ...(isFound(agent) ? [{ id: "adopt", label: "Adopt", refusal: whyNotAdopt(app, agent), run: () => void (app.dialog.value = { kind: "adopt" as const, agent }) }] : []),
    { id: "tag", label: "Tags", refusal: change, run: () => bulk(app, "tag", [agent]) },
    { id: "send", label: "Send text", ...(open && { keys: "S" }), refusal: change, run: () => void (app.dialog.value = { kind: "prompt", agent }) },
    muteCommand(app, agent.name),
    { id: "explain", label: "Why it is in its state", run: () => void (app.dialog.value = { kind: "explain", agent }) },
    { id: "notes", label: "Notes and details", run: () => app.editNotes(agent) },
    { id: "copy-name", label: "Copy name", run: () => app.copy(app.store.addressOf(agent), "Copied the name.") },
    { id: "copy-link", label: "Copy link", run: () => app.copy(agentUrl(location.href, agent, app.store.addressOf(agent)), "Copied the link.") },
    { id: "new", label: "New agent beside it", run: () => (app.dialog.value = placeBeside(app, agent)) },
    { id: "select", label: "Select", keys: "Ctrl+click", run: () => app.select([agent.id]) },
    { id: "delete", label: "Delete", danger: true, refusal: change, run: () => (app.dialog.value = { kind: "delete", agent }) },
  ];
}

export function groupCommands(app: App, row: GroupRow, agents: readonly Agent[]): Command[] {
  return [
    row.folded
      ? { id: "unfold", label: "Unfold", keys: "→", run: () => app.preferences.unfold(row.chain) }
      : { id: "fold", label: "Fold", keys: "←", run: () => app.preferences.fold([row.id]) },
    { id: "new", label: "New agent here", run: () => (app.dialog.value = { kind: "create", path: row.path, node: row.machine }) },
    ...(row.path.length === 0 ? [] : [{ id: "grid", label: "Show side by side", run: () => app.showGrid({ kind: "group", name: row.path.join("-") }) }]),
    { id: "select-all", label: "Select all", run: () => app.select(agents.map(({ id }) => id)) },
    ...severalCommands(app, agents).filter(({ id }) => id !== "clear" && (id !== "grid" || row.path.length === 0)),
    ...(row.path.length === 0 ? [] : [muteCommand(app, row.path.join("-"))]),
  ];
}

/** `name`: of an agent, or of a group. */
function muteCommand({ preferences: { alerts } }: App, name: string): Command {
  const muted = alerts.value.muted.includes(name);
  const above = alerts.value.muted.find((quiet) => quiet !== name && isWithin(quiet, name));
  return {
    id: "mute", label: muted ? "Notify me again" : "Mute notifications",
    refusal: above === undefined || muted ? "" : `${above} is muted`,
    run: () => void (alerts.value = withMuted(alerts.value, name, !muted)),
  };
}

export function severalCommands(app: App, agents: readonly Agent[]): Command[] {
  const offline = app.isLive.value ? "" : "Not connected";
  const running = agents.filter((agent) => agent.running).length;
  const nothing = (count: number, why: string): string => (count === 0 ? why : offline);
  return [
    { id: "start", label: "Start all", refusal: nothing(agents.length - running, "All of them run"), run: () => bulk(app, "start", agents) },
    { id: "stop", label: "Stop all", refusal: nothing(running, "None of them runs"), run: () => bulk(app, "stop", agents) },
    { id: "grid", label: "Show side by side", refusal: running === 0 ? "None of them runs" : "", run: () => app.showGrid({ kind: "agents", ids: agents.map(({ id }) => id) }) },
    { id: "tag", label: "Tag all", refusal: offline, run: () => bulk(app, "tag", agents) },
    { id: "send", label: "Send text to all", refusal: nothing(running, "None of them runs"), run: () => bulk(app, "send", agents) },
    { id: "copy-name", label: "Copy names", run: () => app.copy(agents.map((agent) => app.store.addressOf(agent)).join("\n"), "Copied the names.") },
    { id: "clear", label: "Clear the selection", keys: "Esc", run: () => app.clearSelection() },
  ];
}

/** What the palette offers besides agents. */
export function pageCommands(app: App): Command[] {
  const { agent, preferences, store } = app;
  const current = agent.value;
  const manage = store.mayManage.value;
  const dialog = (kind: "help" | "settings" | "invite" | "join") => () => void (app.dialog.value = { kind });
  return [
    ...(current === null ? [] : agentCommands(app, current, true).filter(({ id }) => id !== "new" && id !== "select").map((command) => ({ ...command, label: `${command.label}: ${current.name}` }))),
    { id: "new", label: "New agent", keys: "C", run: () => (app.dialog.value = besideOpenAgent(app)) },
    { id: "next-waiting", label: "Next waiting agent", keys: "W", run: () => app.openNextWaiting() },
    { id: "grid-waiting", label: "Waiting agents side by side", refusal: store.waiting.value.length === 0 ? "Nobody waits" : "", run: () => app.showGrid({ kind: "waiting" }) },
    { id: "grid-all", label: "All agents side by side", run: () => app.showGrid({ kind: "all" }) },
    { id: "home", label: "Start page", run: () => app.goHome() },
    { id: "machines", label: "Machines", run: () => app.showMachines() },
    ...(manage ? [{ id: "invite", label: "Invite a machine", run: dialog("invite") }] : []),
    { id: "join", label: "Join a machine", run: dialog("join") },
    ...STATE_ORDER.filter((kind) => kind !== app.stateFilter.value && [...store.agents.value.values()].some(({ state }) => state.kind === kind)).map((kind) => ({
      id: `only-${kind}`, label: `List only agents that are ${stateNoun(kind)}`, run: () => void (app.stateFilter.value = kind),
    })),
    ...(app.isFiltered.value ? [{ id: "list-all", label: "List all agents", run: () => app.showAll() }] : []),
    { id: "fold-all", label: app.isAllFolded.value ? "Unfold all" : "Fold all", run: () => app.foldAll(!app.isAllFolded.value) },
    ...(app.hasMachines.value
      ? [{ id: "grouping", label: preferences.grouping.value === "machine" ? "Group agents by category" : "Group agents by machine",
          run: () => (preferences.grouping.value = preferences.grouping.value === "machine" ? "category" : "machine") }]
      : []),
    { id: "select", label: "Select several agents", run: () => (app.selecting.value = true) },
    ...THEMES.filter((theme) => theme !== preferences.theme.value).map((theme) => ({
      id: `theme-${theme}`, label: { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[theme], run: () => void (preferences.theme.value = theme),
    })),
    ...(current === null ? [] : [
      { id: "full-screen", label: "Full screen", keys: "Ctrl+Shift+Enter", run: () => app.setFullScreen(!app.fullScreen.value) },
      { id: "search", label: "Search the scrollback", keys: "Ctrl+Shift+F", run: () => (app.searching.value = true) },
    ]),
    { id: "settings", label: "Settings", run: dialog("settings") },
    { id: "help", label: "Keyboard shortcuts", keys: "?", run: dialog("help") },
  ];
}

export function bulk(app: App, verb: BulkVerb, agents: readonly Agent[]): void {
  app.dialog.value = { kind: "bulk", verb, agents: agents.map(({ id }) => id) };
}
