// Whether an agent's program goes on with its last conversation when it is started, asked of its machine and said before.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { isFound } from "../model/agents";
import { joinShellWords } from "../model/shell-words";
import { ApiError, type NextStart } from "../net/api";
import type { Agent } from "../protocol/types";
import { useApp } from "./context";

/** What a start would do; null while that is not known. */
export function useNextStart(agent: Agent): NextStart | null {
  const app = useApp();
  const answer = useSignal<NextStart | null>(null);
  const asks = agent.program !== null && !isFound(agent);
  useEffect(() => {
    answer.value = null;
    if (!asks || !app.isLive.peek()) return;
    const abort = new AbortController();
    app.api.nextStart(agent.id, abort.signal).then(
      (start) => (answer.value = start),
      (error: unknown) => {
        // A machine of an older version does not know, and begins a new conversation.
        if (!(error instanceof ApiError) && !abort.signal.aborted) throw error;
      },
    );
    return () => abort.abort();
  }, [agent.id, agent.running, agent.session?.id, agent.terminals[0]?.id, asks]);
  return answer.value;
}

/** In words; nothing if there was no conversation. */
export function NextStartLine({ start }: { start: NextStart | null }): JSX.Element | null {
  if (start === null || (start.resumes === null && start.why === "")) return null;
  return (
    <p class="next-start" data-testid="next-start">
      {start.resumes === null ? (
        <>Begins a new conversation: {start.why}.</>
      ) : (
        <>Resumes its last conversation: <code>{joinShellWords(start.command)}</code></>
      )}
    </p>
  );
}
