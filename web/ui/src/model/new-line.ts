// What gives a new line, and does not submit, in a program that cannot be told that Shift or Ctrl was held with Enter. Pure.

/** Escape and Enter, as with Alt: what nearly all agents take (Claude Code, Codex, Gemini, OpenCode, Aider, Amp, …), and fish. */
const META_ENTER = "\x1b\r";
/** Line editors that take the next key as it is after Ctrl+V. */
const QUOTED = "\x16\n";
/** There is no new line, or Escape would do something else. */
const ENTER = "\r";

/** Programs that take something else, by the name of their command. */
const NEW_LINES: Readonly<Record<string, string>> = {
  ...named(QUOTED, "bash zsh"),
  ...named(ENTER, "sh dash ash ksh mksh tcsh csh busybox"),
  ...named(ENTER, "vi vim nvim view vimdiff gvim hx kak nano emacs ed less more most man"),
  ...named(ENTER, "ssh mosh-client telnet tmux screen zellij top htop btop psql mysql sqlite3 gdb lldb"),
};

function named(sent: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, sent]));
}

/**
 * What to send to the program that runs: `command` in the terminal, or else what the agent was created with. A shell that was
 * given a script stands for what that runs.
 */
export function newLineOf(command: string, created: { readonly program: string | null; readonly args: readonly string[] } | null): string {
  const name = baseName(command === "" ? (created?.program ?? "") : command);
  const runsScript = created !== null && baseName(created.program ?? "") === name && created.args.some((word) => word === "-c" || !/^[-+]/.test(word));
  return (runsScript ? undefined : NEW_LINES[name]) ?? META_ENTER;
}

/** `bash` of `/bin/bash`, and of `-bash`, which is a login shell. */
function baseName(command: string): string {
  return command.slice(command.lastIndexOf("/") + 1).replace(/^-/, "");
}
