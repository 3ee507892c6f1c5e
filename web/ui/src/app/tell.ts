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
