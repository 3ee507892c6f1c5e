// Keyboard shortcuts: which keys the dashboard takes, inside a terminal and outside of one.

import { buildRows } from "../model/tree";
import type { App } from "./app";
import { besideOpenAgent } from "./beside";

export const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

export interface ShortcutHelp {
  readonly keys: readonly string[];
  readonly does: string;
}

const MOD = IS_MAC ? "⌘" : "Ctrl";

/** What the help shows. The first list works everywhere, the second only while no text field has the keyboard. */
export const ANYWHERE: readonly ShortcutHelp[] = [
  { keys: IS_MAC ? ["⌘", "K"] : ["Ctrl", "Shift", "K"], does: "Find an agent or a command" },
  { keys: ["Ctrl", "Shift", "A"], does: "Next waiting agent" },
  { keys: ["Ctrl", "Shift", "↑ ↓"], does: "Previous or next agent" },
  { keys: ["Ctrl", "Shift", "E"], does: "Leave the terminal" },
  { keys: ["Ctrl", "Shift", "G"], does: "Terminals side by side, and back to them" },
  { keys: ["Ctrl", "Shift", "F"], does: "Search the scrollback" },
  { keys: IS_MAC ? ["⌘", "C"] : ["Ctrl", "Shift", "C"], does: "Copy the selection" },
  { keys: [MOD, "V"], does: "Paste" },
  { keys: ["Ctrl", "Alt", "V"], does: "Send Ctrl+V itself" },
  { keys: ["Shift", "Enter"], does: "New line without submitting (see the settings)" },
  { keys: ["Ctrl", "Shift", "+ − 0"], does: "Text size" },
  { keys: ["Ctrl", "Shift", "Enter"], does: "Full screen" },
];

export const OUTSIDE_TERMINAL: readonly ShortcutHelp[] = [
  { keys: ["/"], does: "Filter the agents; Esc goes back" },
  { keys: ["C"], does: "Create an agent" },
  { keys: ["W"], does: "Next waiting agent" },
  { keys: ["1 – 9"], does: "Start page: answer the marked question" },
  { keys: ["J", "K"], does: "Start page: next, previous question" },
  { keys: ["T"], does: "Go to the terminal" },
  { keys: ["S"], does: "Send the agent a text, now or when it is idle" },
  { keys: ["I"], does: "Show or hide notes and details" },
  { keys: ["F2"], does: "Rename the agent" },
  { keys: ["↑ ↓ ← →"], does: "Move, fold and unfold in the list" },
  { keys: ["Shift", "← →"], does: "Fold or unfold all" },
  { keys: ["Shift", "↑ ↓"], does: "Select agents in the list" },
  { keys: ["Shift", "F10"], does: "Menu of the agent or group" },
  { keys: ["?"], does: "This help" },
];

/** The same key everywhere. Ctrl+K alone belongs to programs in terminals: shells delete to the end of the line with it. */
export function isPaletteKey({ code, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): boolean {
  if (code !== "KeyK" || altKey) return false;
  return (ctrlKey && shiftKey && !metaKey) || (IS_MAC && metaKey && !ctrlKey && !shiftKey);
}

/** Takes a key that was pressed in a terminal, or leaves it to the program. Never a key that programs commonly use. */
export function terminalShortcut(app: App, event: KeyboardEvent): boolean {
  if (event.type !== "keydown") return false;
  if (isPaletteKey(event)) return act(event, () => (app.dialog.value = { kind: "switch" }));
  if (event.ctrlKey && !event.shiftKey && event.code === "KeyV") {
    // With Alt the program gets the control character; without, the browser pastes.
    if (event.altKey) return act(event, () => app.pool.current?.type("\x16"));
    return !IS_MAC;
  }
  if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return false;
  return controlShift(app, event);
}

/** Takes a key that was pressed anywhere else on the page. */
export function pageShortcut(app: App, event: KeyboardEvent): boolean {
  if (event.defaultPrevented || app.dialog.value !== null) return false;
  const target = event.target as HTMLElement;
  if (target.closest(".xterm") !== null) return false;
  if (isPaletteKey(event)) return act(event, () => (app.dialog.value = { kind: "switch" }));
  if (event.ctrlKey && event.shiftKey && !event.altKey && !event.metaKey) return controlShift(app, event);
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (target.closest('input:not([type="radio"], [type="checkbox"]), textarea, select, [contenteditable]') !== null) return false;
  return plainKey(app, event);
}

/** Agents in the order of the tree, as the filter shows them, or all. */
export function agentOrder(app: App, filtered = true): string[] {
  const shown = filtered ? app.listed.value : [...app.store.agents.value.values()];
  const rows = buildRows(shown, { folded: new Set(), unfoldAll: true, levelsOf: app.levelsOf.value, ranks: app.ranks.value });
  return rows.flatMap((row) => (row.kind === "agent" ? [row.id] : []));
}

function controlShift(app: App, event: KeyboardEvent): boolean {
  switch (event.code) {
    case "KeyA":
      return act(event, () => app.openNextWaiting());
    case "ArrowUp":
      return act(event, () => app.openNeighbour(agentOrder(app), -1));
    case "ArrowDown":
      return act(event, () => app.openNeighbour(agentOrder(app), 1));
    case "KeyE":
    case "Escape":
      return act(event, () => app.leaveTerminal());
    case "KeyG":
      return act(event, () => app.switchGrid());
    case "KeyF":
      return act(event, () => (app.searching.value = true));
    case "KeyC":
      return act(event, () => copySelection(app));
    case "KeyV":
      return app.pool.current !== null;
    case "Equal":
    case "NumpadAdd":
      return act(event, () => app.preferences.changeFont(1));
    case "Minus":
    case "NumpadSubtract":
      return act(event, () => app.preferences.changeFont(-1));
    case "Digit0":
      return act(event, () => app.preferences.changeFont(0));
    case "Enter":
      return act(event, () => app.setFullScreen(!app.fullScreen.value));
    default:
      return false;
  }
}

function plainKey(app: App, event: KeyboardEvent): boolean {
  if (app.cardKey?.(event) === true) return act(event, () => undefined);
  switch (event.key) {
    case "/":
      return act(event, () => document.querySelector<HTMLInputElement>("#filter")?.focus());
    case "c":
    case "n":
      return act(event, () => (app.dialog.value = besideOpenAgent(app)));
    case "w":
      return act(event, () => app.openNextWaiting());
    case "t":
      return act(event, () => app.focusTerminal());
    case "s":
      return app.agent.value !== null && act(event, () => (app.dialog.value = { kind: "prompt", agent: app.agent.value! }));
    case "i":
      return act(event, () => (app.preferences.detailsOpen.value = !app.preferences.detailsOpen.value));
    case "Escape":
      return app.route.value.agent !== null && app.lastGrid.value !== null && act(event, () => app.switchGrid());
    case "?":
      return act(event, () => (app.dialog.value = { kind: "help" }));
    case "F2":
      return act(event, () => (app.renaming.value = app.route.value.agent));
    default:
      return false;
  }
}

export function copySelection(app: App): void {
  const text = app.pool.current?.view.xterm.getSelection() ?? "";
  if (text !== "") app.copy(text, "Copied.");
  else app.notices.show("info", "Nothing is selected.", { hint: "Drag over the text; Shift does it where a program takes the mouse." });
}

function act(event: KeyboardEvent, run: () => void): true {
  event.preventDefault();
  event.stopPropagation();
  run();
  return true;
}
