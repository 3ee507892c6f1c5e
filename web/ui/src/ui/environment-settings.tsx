// What agents of this machine are started with, in the settings: where their environment is from, and variables for all of them.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, type Environment } from "../net/api";
import { useApp } from "./context";
import { Icon } from "./icons";

export function EnvironmentSettings(): JSX.Element {
  const { api } = useApp();
  const environment = useSignal<Environment | null>(null);
  /** Values that are shown, by name. */
  const shown = useSignal<Readonly<Record<string, string>>>({});
  const problem = useSignal("");
  const asking = useSignal(false);
  const name = useSignal("");
  const value = useSignal("");
  const attempt = async (work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      problem.value = "";
      return true;
    } catch (error) {
      problem.value = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : String(error);
      return false;
    }
  };
  const run = (ask: () => Promise<Environment>): Promise<boolean> => attempt(async () => void (environment.value = await ask()));
  const hide = (hidden: string): void => {
    const { [hidden]: _, ...others } = shown.value;
    shown.value = others;
  };
  const show = (wanted: string): Promise<boolean> =>
    attempt(async () => void (shown.value = { ...shown.value, [wanted]: await api.variable(wanted) }));
  const reload = async (): Promise<void> => {
    if (asking.value) return;
    asking.value = true;
    await run(() => api.reloadEnvironment());
    asking.value = false;
  };
  useEffect(() => void run(() => api.environment()), []);
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const added = name.value.trim();
    if (!(await run(() => api.setVariable(added, value.value)))) return;
    hide(added);
    name.value = "";
    value.value = "";
  };
  const shell = environment.value?.shell;
  return (
    <section class="origins" data-testid="environment" aria-labelledby="environment-title">
      <h3 id="environment-title">What agents are started with</h3>
      <div class="environment-shell">
        <p class="dim" data-testid="environment-shell" aria-live="polite">
          {asking.value || shell == null ? "Reading the variables of your login shell…" : whereFrom(shell)}
        </p>
        <button class="button" type="button" aria-disabled={asking.value} onClick={() => void reload()}>Read again</button>
      </div>
      {!asking.value && shell?.problem !== undefined && (
        <p class="warning" role="alert" data-testid="environment-problem">{shell.problem} {shell.advice}</p>
      )}
      <p class="dim">Set for every agent that is started on this machine from now on. An agent’s own variables take precedence.</p>
      {(environment.value?.variables.length ?? 0) > 0 && (
        <ul>
          {environment.value!.variables.map((variable) => (
            <li key={variable.name} data-testid="variable">
              <span class="mono">
                {variable.name}=
                {shown.value[variable.name] ?? <span class="dim" aria-label={`${variable.length} characters, hidden`}>••••••••</span>}
              </span>
              <span class="row-buttons">
                {shown.value[variable.name] === undefined ? (
                  <button class="link-button" type="button" aria-label={`Show ${variable.name}`} onClick={() => void show(variable.name)}>Show</button>
                ) : (
                  <button class="link-button" type="button" aria-label={`Hide ${variable.name}`} onClick={() => hide(variable.name)}>Hide</button>
                )}
                <button class="icon-button" type="button" title="Remove" aria-label={`Remove ${variable.name}`}
                  onClick={() => void run(() => api.removeVariable(variable.name)).then((done) => done && hide(variable.name))}>
                  <Icon name="close" />
                </button>
              </span>
            </li>
          ))}
        </ul>
      )}
      <form class="origin-form variable-form" onSubmit={(event) => void add(event)}>
        <input class="input mono" required placeholder="NAME" aria-label="Variable" autocomplete="off" autocapitalize="off" spellcheck={false}
          aria-describedby={problem.value === "" ? undefined : "environment-error"}
          value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        <input class="input mono" placeholder="value" aria-label="Value" autocomplete="off" autocapitalize="off" spellcheck={false}
          value={value.value} onInput={(event) => (value.value = event.currentTarget.value)} />
        <button class="button" type="submit">Set</button>
      </form>
      {problem.value !== "" && <p id="environment-error" class="field-error" role="alert">{problem.value}</p>}
    </section>
  );
}

function whereFrom({ shell, mode, variables }: NonNullable<Environment["shell"]>): string {
  const those = variables === 1 ? "1 variable" : `${variables} variables`;
  if (mode === "node") return `${those} of the node itself.`;
  return `${those} of your login shell, ${shell}${mode === "login" ? ", without what is only for interactive shells" : ""}.`;
}
