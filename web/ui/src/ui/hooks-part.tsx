// Says which hooks an agent's program has, and how to install those that are missing.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Hooks } from "../model/hooks";
import { ApiError, type Explanation } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";
import { Icon } from "./icons";

export function HooksPart({ agent, hooks: { text, command } }: { agent: Agent; hooks: Hooks }): JSX.Element {
  const app = useApp();
  const machine = app.store.nodeOf(agent);
  const elsewhere = command !== null && machine !== null && !machine.self ? `, on ${app.store.nameOf(machine)}` : "";
  return (
    <div class="hooks-part" data-testid="hooks">
      <p><bdi>{text}</bdi>{command === null ? "." : `${elsewhere}:`}</p>
      {command !== null && (
        <p class="command">
          <code data-testid="hooks-command">{command}</code>
          <button class="icon-button" type="button" aria-label="Copy the command" title="Copy the command" onClick={() => app.copy(command, "Copied the command.")}><Icon name="copy" /></button>
        </p>
      )}
    </div>
  );
}

/** Why the agent is in its state: asked again after each change, and every so often if `everyMs` says so. */
export function useExplanation(agent: Agent, everyMs: number | null): { readonly known: Explanation | null; readonly problem: string } {
  const app = useApp();
  const answer = useSignal<Explanation | null>(null);
  const problem = useSignal("");
  useEffect(() => void (answer.value = null), [agent.id]);
  useEffect(() => {
    const abort = new AbortController();
    const ask = (): void => {
      if (!app.isLive.peek()) return;
      app.api.explain(agent.id, abort.signal).then(
        (explained) => {
          answer.value = explained;
          problem.value = "";
        },
        (error: unknown) => {
          if (error instanceof ApiError) problem.value = [error.message, error.hint].filter(Boolean).join(" ");
        },
      );
    };
    ask();
    const timer = everyMs === null ? undefined : setInterval(ask, everyMs);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [agent.id, agent.state, everyMs]);
  return { known: answer.value, problem: problem.value };
}
