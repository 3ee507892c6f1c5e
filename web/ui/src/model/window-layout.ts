// How the terminals of one window lie beside each other, as tmux lays them out. Pure.

import type { TerminalInfo } from "../protocol/types";

/** A terminal's part of its window, in percent of the window's width and height. */
export interface PanePlace {
  readonly terminal: TerminalInfo;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The places of all terminals in the window of `shown`, in tmux's order. Null: there is only one, or they cannot be seen together
 * (in a zoomed window one lies over the others).
 */
export function windowLayout(all: readonly TerminalInfo[], shown: number): readonly PanePlace[] | null {
  const window = all.find(({ id }) => id === shown)?.window;
  const panes = all.filter((terminal) => terminal.window === window);
  if (panes.length < 2 || panes.some((pane, at) => panes.slice(at + 1).some((other) => overlap(pane, other)))) return null;
  const columns = Math.max(...panes.map(({ left, cols }) => left + cols));
  const rows = Math.max(...panes.map(({ top, rows }) => top + rows));
  return panes.map((terminal) => ({
    terminal,
    left: (100 * terminal.left) / columns,
    top: (100 * terminal.top) / rows,
    width: (100 * terminal.cols) / columns,
    height: (100 * terminal.rows) / rows,
  }));
}

function overlap(a: TerminalInfo, b: TerminalInfo): boolean {
  return a.left < b.left + b.cols && b.left < a.left + a.cols && a.top < b.top + b.rows && b.top < a.top + a.rows;
}
