// What is lost when an agent is ended or deleted, in words. Pure.

import type { Agent } from "../protocol/types";
import { plural } from "./format";

/** What runs in its terminals now, each once. */
export function runningPrograms({ running, terminals }: Agent): string[] {
  if (!running) return [];
  return [...new Set(terminals.filter(({ exit_code }) => exit_code === null).map(({ command }) => command))].filter(Boolean);
}

export function losses(agent: Agent): string[] {
  const list: string[] = [];
  const programs = runningPrograms(agent);
  if (programs.length > 0) list.push(`${programs.length === 1 ? "the running program" : "the running programs"}: ${programs.join(", ")}`);
  if (agent.running) {
    const windows = new Set(agent.terminals.map((terminal) => terminal.window)).size;
    const what = agent.backend === "tmux" ? `the tmux session with ${plural(windows, "window")}` : "the terminal";
    list.push(`${what} and its scrollback`);
  }
  if (agent.notes !== "") list.push(`your notes (${plural(agent.notes.trim().split(/\s+/).length, "word")})`);
  if (agent.tags.length > 0) list.push(`the tags ${agent.tags.join(", ")}`);
  if (list.length === 0) list.push("its name and settings; nothing is running");
  return list;
}
