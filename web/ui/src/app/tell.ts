// What the user is told wherever on the page they are.

import { plural } from "../model/format";
import type { InputLoss } from "../stream/input-queue";
import type { App } from "./app";
import type { JoinRequest } from "./meeting-keeper";

/** What was typed into an agent may be missing there. The notice stays, also over other pages: so it names the agent. */
export function tellOfLoss(app: App, id: string, loss: InputLoss, message: string): void {
  const what = plural(loss.actions, "keystroke or paste", "keystrokes or pastes");
  app.notices.show("warning", `${what} may not have arrived in ${app.store.addressed(id)}.`, {
    hint: message,
    action: { label: "Copy what you typed", run: () => app.copy(loss.text, "Copied what you typed.") },
  });
}

export function tellOfRefusedInput(app: App, bytes: number): void {
  // The notice over a terminal that has ended says it already.
  if (app.pool.current?.state.value.phase === "ended") return;
  app.notices.show("error", `${bytes} bytes were not accepted: too much input is still waiting to be sent.`, { hint: "Try again in smaller pieces." });
}

export function tellOfRequest(app: App, { name, short }: JoinRequest): void {
  if (app.route.peek().page === "machines") return;
  app.notices.show("info", `${name} (${short}) asks to join.`, { action: { label: "Decide", run: () => app.showMachines() } });
}

/** Files cannot be sent to an agent from here; better than losing the page to one of them. */
export function tellOfDroppedFiles(app: App, files: number): void {
  const machine = app.store.self.peek()?.name ?? "the machine";
  app.notices.show("warning", files === 1 ? "The file was not sent." : `${files} files were not sent.`, {
    hint: `Files cannot be dropped here yet. Copy them to ${machine} (scp, for example) and give the agent their path; text can be dropped on a terminal.`,
  });
}
