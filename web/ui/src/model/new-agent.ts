// The form for a new agent: what the user has entered, what is wrong with it, and the request it becomes. Pure.

import type { KnownProgram, KnownPrograms, NewAgent } from "../net/api";
import type { BackendKind } from "../protocol/types";
import { isUnfinished, nameProblem } from "./names";
import { splitShellWords } from "./shell-words";

export interface Preset {
  readonly id: string;
  readonly label: string;
  /** `null`: the user's shell. */
  readonly program: string | null;
  /** Offered only where it is found. */
  readonly rare?: boolean;
}

export const PRESETS: readonly Preset[] = [
  { id: "claude", label: "Claude Code", program: "claude" },
  { id: "codex", label: "Codex", program: "codex" },
  { id: "gemini", label: "Gemini", program: "gemini" },
  { id: "aider", label: "Aider", program: "aider" },
  { id: "opencode", label: "OpenCode", program: "opencode", rare: true },
  { id: "amp", label: "Amp", program: "amp", rare: true },
  { id: "copilot", label: "Copilot", program: "copilot", rare: true },
  { id: "cursor-agent", label: "Cursor", program: "cursor-agent", rare: true },
  { id: "goose", label: "Goose", program: "goose", rare: true },
  { id: "qwen", label: "Qwen", program: "qwen", rare: true },
  { id: "shell", label: "Shell", program: null },
  { id: "custom", label: "Custom", program: "" },
];

/** Those to offer, given what is known of the machine's programs. */
export function presetsFor(known: readonly KnownProgram[], chosen: string): readonly Preset[] {
  const found = new Set(known.filter(({ path }) => path !== null).map(({ name }) => name));
  return PRESETS.filter(({ id, program, rare }) => rare !== true || id === chosen || found.has(program ?? ""));
}

/** The one that was used last, or the first whose program is there. */
export function presetToBeginWith(known: readonly KnownProgram[], last: string): string {
  if (PRESETS.some(({ id }) => id === last)) return last;
  const isThere = (program: string | null): boolean => known.some(({ name, path }) => name === program && path !== null);
  return PRESETS.find(({ program }) => isThere(program))?.id ?? "claude";
}

/** What is said of a preset's program below it; empty if nothing is known. */
export function programHint(known: KnownPrograms | null, preset: string): string {
  const program = PRESETS.find(({ id }) => id === preset)?.program;
  const of = known?.programs.find(({ name }) => name === program);
  if (known === null || of === undefined) return "";
  if (of.path === null) return `${of.name} is not in the PATH of agents: ${known.path}`;
  return of.version === null ? of.path : `${of.version}, ${of.path}`;
}

export interface AgentForm {
  readonly name: string;
  /** The id of the machine; empty: the one that serves the dashboard. */
  readonly node: string;
  readonly directory: string;
  readonly preset: string;
  /** Arguments of the preset's program, or the whole command line of a custom one. */
  readonly commandLine: string;
  readonly env: readonly EnvRow[];
  readonly backend: BackendKind;
  readonly autostart: boolean;
  readonly notes: string;
}

export interface EnvRow {
  /** Stays with the row while others come and go, so that the field that somebody types in stays the same. */
  readonly id: number;
  readonly key: string;
  readonly value: string;
}

/** Variables with exactly one empty row at the end to write the next one in. */
export function withEmptyRow(rows: readonly EnvRow[]): readonly EnvRow[] {
  const last = rows.at(-1);
  if (last?.key === "" && last.value === "") return rows;
  return [...rows, { id: Math.max(0, ...rows.map(({ id }) => id)) + 1, key: "", value: "" }];
}

export type FormField = "name" | "commandLine" | "env";
export type FormProblems = Partial<Record<FormField, string>>;

/** Problems to show while typing: what is merely not finished yet is not one. */
export function formProblems(form: AgentForm): FormProblems {
  const problems: FormProblems = {};
  const name = isUnfinished(form.name) ? null : nameProblem(form.name);
  if (name !== null) problems.name = name;
  const words = splitShellWords(form.commandLine);
  if ("problem" in words) problems.commandLine = words.problem;
  const env = form.env.map(envProblem).find((problem) => problem !== null);
  if (env != null) problems.env = env;
  return problems;
}

/** The request, or the first thing that keeps it from being one. */
export function toRequest(form: AgentForm): NewAgent | { readonly field: FormField; readonly problem: string } {
  const name = form.name === "" ? "Give the agent a name." : nameProblem(form.name);
  if (name !== null) return { field: "name", problem: name };
  const problems = formProblems(form);
  if (problems.env !== undefined) return { field: "env", problem: problems.env };
  const command = commandOf(form);
  if ("problem" in command) return { field: "commandLine", problem: command.problem };
  const rows = form.env.filter((row) => row.key.trim() !== "");
  return {
    name: form.name,
    backend: form.backend,
    autostart: form.autostart,
    notes: form.notes,
    ...(form.node === "" ? {} : { node: form.node }),
    ...(form.directory.trim() === "" ? {} : { directory: form.directory.trim() }),
    ...command,
    ...(rows.length === 0 ? {} : { env: Object.fromEntries(rows.map((row) => [row.key.trim(), row.value])) }),
  };
}

function commandOf(form: AgentForm): { program?: string; args?: string[] } | { problem: string } {
  const split = splitShellWords(form.commandLine);
  if ("problem" in split) return split;
  const preset = PRESETS.find((candidate) => candidate.id === form.preset);
  if (preset?.program === null) return {};
  if (preset !== undefined && preset.program !== "") return { program: preset.program, args: split.words };
  const [program, ...args] = split.words;
  return program === undefined ? { problem: "Enter the command to run." } : { program, args };
}

function envProblem(row: EnvRow): string | null {
  const key = row.key.trim();
  if (key === "") return row.value === "" ? null : "One value has no variable name.";
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? null : `“${key}” cannot be the name of a variable: use letters, digits and _.`;
}
