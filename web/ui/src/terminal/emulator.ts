// The emulator's whole configuration apart from drawing: the same for the page and for tests that run it without one.

import type { ITerminalInitOnlyOptions, ITerminalOptions, Terminal } from "@xterm/xterm";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { handleClipboardWrites } from "./clipboard";
import { editAsOwners } from "./edits";
import { followOwnersRules, type Owner } from "./owner-rules";
import { printAsOwners } from "./printing";
import { swallowQueries } from "./queries";
import { switchScreensAsOwners } from "./screens";
import { printAsTmux } from "./tmux-printing";
import { editAsTmux } from "./tmux-rules";
import { countByOwnersWidths } from "./widths";

/** The terminal with its scrollback; the node bounds the history of a snapshot far below. */
export const SCROLLBACK_LINES = 20_000;

/** What the content of the screen depends on. */
export const EMULATOR_OPTIONS: ITerminalOptions & ITerminalInitOnlyOptions = {
  allowProposedApi: true,
  scrollback: SCROLLBACK_LINES,
  // Erasing the screen moves what was on it to the history, as in tmux and in our own terminals.
  scrollOnEraseInDisplay: true,
};

/**
 * Ends whatever sequence was cut off, then resets the terminal; parsed in one go with the content that follows. The mode
 * `LNM` is an option of xterm's, which a reset leaves as it is. The history is erased separately (owner-rules.ts keeps it).
 */
const RESET = new TextEncoder().encode("\x18\x1bc\x1b[3J\x1b[20l");

/** `@xterm/xterm` in a browser, `@xterm/headless` without one. */
export type Emulator = Pick<Terminal, "parser" | "buffer" | "unicode" | "loadAddon" | "cols" | "rows" | "resize" | "write">;

export interface EmulatorListener {
  /** A program puts this text on the clipboard. */
  clipboard(text: string): void;
}

/** Makes a terminal with {@link EMULATOR_OPTIONS} read bytes as the owner of the agent's terminal has read them. */
export function configureEmulator(terminal: Emulator, listener: EmulatorListener): void {
  terminal.loadAddon(new Unicode11Addon() as Parameters<Emulator["loadAddon"]>[0]);
  terminal.unicode.activeVersion = "11";
  const owner: Owner = { tmux: false };
  followOwnersRules(terminal, owner);
  countByOwnersWidths(
    terminal,
    ({ join }) => Object.assign(owner, { tmux: join !== "zero-width", joiner: join === "joiner", erasesInPlace: false }),
    () => (owner.erasesInPlace = true),
  );
  swallowQueries(terminal);
  switchScreensAsOwners(terminal, owner);
  editAsOwners(terminal, owner);
  printAsOwners(terminal);
  editAsTmux(terminal, owner, printAsTmux(terminal, owner));
  handleClipboardWrites(terminal, (text) => listener.clipboard(text));
}

/** The bytes that replace everything by a snapshot. */
export function replacement(snapshot: Uint8Array): Uint8Array {
  const content = new Uint8Array(RESET.length + snapshot.length);
  content.set(RESET);
  content.set(snapshot, RESET.length);
  return content;
}
