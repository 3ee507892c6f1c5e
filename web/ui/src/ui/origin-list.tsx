// The addresses by which the dashboard may be opened, in the settings: those of proxies and port forwardings are added here.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, type Origins } from "../net/api";
import { useApp } from "./context";
import { Icon } from "./icons";

export function OriginList(): JSX.Element {
  const { api } = useApp();
  const origins = useSignal<Origins | null>(null);
  const problem = useSignal("");
  const url = useSignal("");
  const run = async (ask: () => Promise<Origins>): Promise<boolean> => {
    try {
      origins.value = await ask();
      problem.value = "";
      return true;
    } catch (error) {
      problem.value = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : String(error);
      return false;
    }
  };
  useEffect(() => void run(() => api.origins()), []);
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await run(() => api.allowOrigin(url.value))) url.value = "";
  };
  const allowed = origins.value?.origins ?? [];
  return (
    <section class="origins" data-testid="origins" aria-labelledby="origins-title">
      <h3 id="origins-title">Other addresses of this dashboard</h3>
      <p class="dim">
        The address of a proxy or a port forwarding, as the browser shows it. Pages there can do everything that you can do here, so allow only your own.
      </p>
      {allowed.length > 0 && (
        <ul>
          {allowed.map((origin) => (
            <li key={origin.url} data-testid="origin">
              <span class="mono">{origin.url}</span>
              {origin.fixed ? (
                <span class="dim">by --origin</span>
              ) : (
                <button class="icon-button" title="Remove" aria-label={`Remove ${origin.url}`} onClick={() => void run(() => api.removeOrigin(origin.url))}>
                  <Icon name="close" />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      <form class="origin-form" onSubmit={(event) => void add(event)}>
        <input
          type="url"
          required
          class="input"
          placeholder="https://box.example.org/consort/"
          aria-label="Address to allow"
          aria-describedby={problem.value === "" ? undefined : "origins-problem"}
          value={url.value}
          onInput={(event) => (url.value = event.currentTarget.value)}
        />
        <button class="button" type="submit">Allow</button>
      </form>
      {problem.value !== "" && <p id="origins-problem" class="field-error" role="alert">{problem.value}</p>}
    </section>
  );
}
