// What a terminal of a session is called on its tab. Pure.

import type { TerminalInfo } from "../protocol/types";

export interface TabLabel {
  readonly window: string;
  /** Its number in its window, as tmux and `consort screen --pane` count; `null` if the window has only this one. */
  readonly pane: number | null;
  /** What runs in it, unless the window's name says that already. */
  readonly text: string;
}

export function tabLabel(all: readonly TerminalInfo[], terminal: TerminalInfo): TabLabel {
  const siblings = all.filter(({ window }) => window === terminal.window);
  const text = terminal.title === "" ? terminal.command : terminal.title;
  const windowName = terminal.window.replace(/^\d+:/, "");
  return {
    window: terminal.window,
    pane: siblings.length > 1 ? terminal.index : null,
    text: siblings.length === 1 && text === windowName ? "" : text,
  };
}

/** Where it works, as far as it is known: a session of several terminals has a directory, but they may be elsewhere. */
export function directoryOf(agent: { readonly directory: string | null; readonly terminals: readonly TerminalInfo[] }, terminal: number): string | null {
  const own = agent.terminals.find(({ id }) => id === terminal)?.directory;
  return own ?? (agent.terminals.length > 1 ? null : agent.directory);
}
