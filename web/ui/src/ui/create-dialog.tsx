// Creates an agent: its name and place in the tree, where it works, what it runs.

import { signal, useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { isUnfinished, namesakes, namesakeWarning, placeOf, siblingPrefix } from "../model/names";
import { formProblems, presetToBeginWith, presetsFor, programHint, toRequest, withEmptyRow, type AgentForm, type EnvRow, type FormField, type Preset } from "../model/new-agent";
import { ApiError, type KnownPrograms } from "../net/api";
import type { BackendKind } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { machineOf, machineProblem, machineToBeginWith, MachineField, onMachine, tmuxWorks, type Place } from "./create-machine";
import { DirectoryPicker } from "./directory-picker";
import { Field } from "./field";
import { Icon } from "./icons";

type PlaceField = "machine" | "directory";

interface Refusal {
  readonly field: FormField | PlaceField | null;
  readonly text: string;
}

const FIELDS: Record<FormField | PlaceField, string> = {
  name: "#create-name",
  commandLine: "#create-args",
  machine: "#create-machine",
  directory: "#create-directory",
  env: ".env-row input",
};

/** Machines and presets whose program was not found there when it was last tried. */
const missingPresets = signal<ReadonlySet<string>>(new Set());

function noteMissing({ node, preset }: AgentForm): void {
  if (preset !== "custom" && preset !== "shell") missingPresets.value = new Set([...missingPresets.value, missingKey(node, preset)]);
}

function missingKey(node: string, preset: string): string {
  return `${node} ${preset}`;
}

/** `node`: the machine that is meant, if any. */
export function CreateDialog({ path, node }: { path: readonly string[]; node: string | null }): JSX.Element {
  const app = useApp();
  const form = useSignal<AgentForm>(initialForm(path, onMachine(app, machineToBeginWith(app, node)), app.preferences.lastPreset.value));
  const machine = machineOf(app, form.value);
  const refusal = useSignal<Refusal | null>(null);
  const busy = useSignal(false);
  const warning = useNamesakeWarning(form.value);
  const set = (change: Partial<AgentForm>): void => {
    form.value = { ...form.value, ...change };
    refusal.value = null;
  };
  const known = useKnownPrograms(form.value.node);
  usePresetThatIsThere(form, known);

  const formElement = useRef<HTMLFormElement>(null);
  /** Says what is wrong and puts the keyboard where it can be put right. */
  const refuse = (problem: Refusal): void => {
    refusal.value = problem;
    requestAnimationFrame(() => {
      const field = formElement.current?.querySelector<HTMLElement>(problem.field === null ? ".form-error" : FIELDS[problem.field]);
      field?.scrollIntoView({ block: "nearest" });
      field?.focus();
    });
  };

  const create = async (): Promise<void> => {
    if (busy.value) return;
    const request = toRequest(form.value);
    if ("problem" in request) {
      refuse({ field: request.field, text: request.problem });
      return;
    }
    const away = machineProblem(app, form.value);
    if (away !== "") {
      refuse({ field: "machine", text: away });
      return;
    }
    busy.value = true;
    try {
      const size = app.sizeForNew();
      const agent = await app.api.createAgent(size ? { ...request, ...size } : request);
      app.preferences.lastDirectories.value = { ...app.preferences.lastDirectories.value, [form.value.node]: form.value.directory };
      // A command line of one's own is another one each time.
      if (form.value.preset !== "custom") app.preferences.lastPreset.value = form.value.preset;
      app.store.put(agent);
      app.store.flush();
      app.dialog.value = null;
      requestAnimationFrame(() => app.open(agent.id));
    } catch (error) {
      if (error instanceof ApiError && error.code.includes("program")) noteMissing(form.value);
      refuse(explain(error));
    }
    busy.value = false;
  };

  const problems = formProblems(form.value);
  const problemOf = (field: FormField | "directory"): string => {
    if (refusal.value?.field === field) return refusal.value.text;
    return field === "directory" ? "" : (problems[field] ?? "");
  };
  return (
    <Dialog title="New agent" testid="create-dialog" wide>
      <form
        ref={formElement}
        class="create-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
        onKeyDown={(event) => {
          // Enter in a field does not take a name that another agent has: the button that says so does.
          if (event.key !== "Enter" || event.defaultPrevented || warning === "" || !(event.target instanceof HTMLInputElement)) return;
          event.preventDefault();
          formElement.current!.querySelector<HTMLElement>("[data-testid=create-submit]")!.focus();
        }}
      >
        <div class="form-body">
          {refusal.value !== null && refusal.value.field === null && <p class="form-error" role="alert" tabIndex={-1}>{refusal.value.text}</p>}
          <NameField form={form.value} problem={problemOf("name")} warning={warning} set={set} />
          <ProgramField form={form.value} known={known} problem={problemOf("commandLine")} set={set} />
          {app.hasMachines.value && <MachineField form={form.value} set={set} />}
          <Field label="Directory" id="create-directory" problem={problemOf("directory")}>
            <DirectoryPicker node={form.value.node} value={form.value.directory} problem={problemOf("directory")} set={(directory) => set({ directory })} />
          </Field>
          {!tmuxWorks(machine) && (
            <p class="warning">Without tmux, the agent runs in a terminal of Consort's own{form.value.node !== "" && ` on ${machine === null ? "that machine" : app.store.nameOf(machine)}`} and ends when Consort does.</p>
          )}
          <MoreOptions form={form.value} problem={problemOf("env")} set={set} />
        </div>
        <FormFooter form={form.value} busy={busy.value} anyway={warning !== ""} set={set} />
      </form>
    </Dialog>
  );
}

/** `anyway`: there is something to be said against it, which is shown above. */
function FormFooter({ form, busy, anyway, set }: Omit<FormPart, "problem"> & { busy: boolean; anyway: boolean }): JSX.Element {
  const app = useApp();
  return (
    <footer class="dialog-footer">
      <label class="check">
        <input type="checkbox" data-testid="create-autostart" checked={form.autostart} onChange={(event) => set({ autostart: event.currentTarget.checked })} />
        Start again after a reboot
      </label>
      <button class="button" type="button" onClick={() => (app.dialog.value = null)}>Cancel</button>
      <button class="button primary" data-testid="create-submit" aria-disabled={busy} disabled={!app.isLive.value}>
        {busy ? "Creating…" : anyway ? "Create anyway" : "Create"}
      </button>
    </footer>
  );
}

type FormPart = { form: AgentForm; problem: string; set: (change: Partial<AgentForm>) => void };

/** Who else has the name that is typed, on other machines than the one that is chosen. */
function useNamesakeWarning(form: AgentForm): string {
  const { store } = useApp();
  const node = form.node === "" ? (store.self.value?.id ?? "") : form.node;
  return namesakeWarning(form.name, store.machinesOf(namesakes(store.agents.value.values(), form.name, node)));
}

function NameField({ form, problem, warning, set }: FormPart & { warning: string }): JSX.Element {
  const groups = useGroupSuggestions(form.name);
  const hint = (
    <>
      <NamePreview name={form.name} />
      {warning !== "" && <span class="warning" role="alert" data-testid="namesake-warning">{warning}</span>}
    </>
  );
  return (
    <Field label="Name" id="create-name" problem={problem} hint={hint}>
      <input
        id="create-name"
        data-testid="create-name"
        class="mono"
        dir="auto"
        autofocus
        list="create-groups"
        aria-invalid={problem !== ""}
        placeholder="customers-zoom-backend"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={form.name}
        ref={useCaretAtEnd()}
        onInput={(event) => set({ name: event.currentTarget.value })}
      />
      <datalist id="create-groups">{groups.map((group) => <option key={group} value={group} />)}</datalist>
    </Field>
  );
}

/** Where the agent will be in the tree. */
function NamePreview({ name }: { name: string }): JSX.Element {
  const app = useApp();
  if (isUnfinished(name) && !name.includes("-")) {
    return <span class="hint">Levels are separated by -: <code>category-project-agent</code></span>;
  }
  const { path, leaf } = placeOf(name);
  const hue = path[0] === undefined ? undefined : app.store.hues.value[path[0]];
  return (
    <span class="hint place" data-testid="name-preview" style={hue === undefined ? {} : { "--hue": hue }}>
      {path.length === 0 ? <span>ungrouped</span> : path.map((segment, index) => (
        <span key={index} class="crumb">{index === 0 && <span class="swatch" />}<bdi>{segment || "…"}</bdi></span>
      ))}
      <strong><bdi>{leaf || "…"}</bdi></strong>
    </span>
  );
}

function ProgramField({ form, known, problem, set }: FormPart & { known: KnownPrograms | null }): JSX.Element {
  const custom = form.preset === "custom";
  const shell = form.preset === "shell";
  const absent = (program: string | null): boolean => known?.programs.some(({ name, path }) => name === program && path === null) ?? false;
  const missing = ({ id, program }: Preset): boolean => absent(program) || missingPresets.value.has(missingKey(form.node, id));
  const hint = programHint(known, form.preset);
  return (
    <div class="field">
      <span class="label" id="program-label">Program</span>
      <div class="presets" role="radiogroup" aria-labelledby="program-label">
        {presetsFor(known?.programs ?? [], form.preset).map((preset) => (
          <label
            key={preset.id}
            class={`preset ${missing(preset) ? "missing" : ""}`}
            title={missing(preset) ? `${preset.program} was not found on ${form.node === "" ? "this" : "that"} machine` : undefined}
          >
            <input type="radio" name="preset" data-testid={`preset-${preset.id}`} checked={form.preset === preset.id} onChange={() => set({ preset: preset.id })} />
            {preset.label}
          </label>
        ))}
      </div>
      {!shell && (
        <input
          id="create-args"
          class="mono"
          data-testid="create-args"
          aria-label={custom ? "Command line" : "Arguments"}
          aria-invalid={problem !== ""}
          placeholder={custom ? "my-agent --flag 'a value'" : "Arguments, for example --continue"}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={form.commandLine}
          onInput={(event) => set({ commandLine: event.currentTarget.value })}
        />
      )}
      {problem !== "" && <span class="field-error" role="alert">{problem}</span>}
      {problem === "" && hint !== "" && <span class={absent(form.preset) ? "warning" : "hint"} data-testid="program-hint">{hint}</span>}
    </div>
  );
}

/** Once it is known which programs the machine has: one of them, unless something was chosen already, now or the last time. */
function usePresetThatIsThere(form: Signal<AgentForm>, known: KnownPrograms | null): void {
  const app = useApp();
  const [first] = useState(form.value.preset);
  useEffect(() => {
    const { preset, commandLine } = form.peek();
    if (known === null || preset !== first || commandLine !== "") return;
    form.value = { ...form.peek(), preset: presetToBeginWith(known.programs, app.preferences.lastPreset.peek()) };
  }, [known === null]);
}

/** Which agent programs the machine has; asked again while the version of some is not known yet. Null: not known (yet), as of a machine with an older Consort. */
function useKnownPrograms(node: string): KnownPrograms | null {
  const { api } = useApp();
  const known = useSignal<KnownPrograms | null>(null);
  useEffect(() => {
    known.value = null;
    let left = 20;
    let timer: number | undefined;
    const ask = async (): Promise<void> => {
      const programs = await api.programs(node).catch(() => null);
      if (left < 0) return;
      if (programs !== null) known.value = programs;
      if (programs?.programs.some(({ checking }) => checking) && left-- > 0) timer = window.setTimeout(() => void ask(), 500);
    };
    void ask();
    return () => {
      left = -1;
      window.clearTimeout(timer);
    };
  }, [node]);
  return known.value;
}

function MoreOptions({ form, problem, set }: FormPart): JSX.Element {
  const details = useRef<HTMLDetailsElement>(null);
  // What is wrong inside is shown. Nothing but the user closes it: they may be typing in there.
  useEffect(() => {
    if (problem !== "") details.current!.open = true;
  }, [problem]);
  return (
    <details
      ref={details}
      class="more"
      onToggle={(event) => event.currentTarget.open && event.currentTarget.scrollIntoView({ block: "start" })}
    >
      <summary>Environment, backend and notes</summary>
      <EnvFields form={form} problem={problem} set={set} />
      <BackendField form={form} set={set} />
      <Field label="Notes" id="create-notes">
        <textarea id="create-notes" data-testid="create-notes" dir="auto" rows={3} value={form.notes} onInput={(event) => set({ notes: event.currentTarget.value })} />
      </Field>
    </details>
  );
}

function EnvFields({ form, problem, set }: FormPart): JSX.Element {
  const rows = withEmptyRow(form.env);
  const change = (index: number, part: Partial<EnvRow>): void =>
    set({ env: rows.map((row, at) => (at === index ? { ...row, ...part } : row)) });
  return (
    <div class="field" role="group" aria-label="Environment">
      <span class="label">Environment</span>
      {rows.map((row, index) => (
        <div key={row.id} class="env-row">
          <input class="mono" aria-label="Variable" placeholder="KEY" autocapitalize="off" spellcheck={false} data-testid="env-key" value={row.key}
            onInput={(event) => change(index, { key: event.currentTarget.value })} />
          <span aria-hidden="true">=</span>
          <input class="mono" aria-label={`Value of ${row.key || "the variable"}`} placeholder="value" autocapitalize="off" spellcheck={false} data-testid="env-value" value={row.value}
            onInput={(event) => change(index, { value: event.currentTarget.value })} />
          <button type="button" class="icon-button" aria-label={`Remove ${row.key || "the row"}`} disabled={index === rows.length - 1}
            onClick={() => set({ env: rows.filter((_, at) => at !== index) })}>
            <Icon name="close" />
          </button>
        </div>
      ))}
      {problem !== "" && <span class="field-error" role="alert">{problem}</span>}
    </div>
  );
}

const BACKENDS: readonly { kind: BackendKind; label: string; explanation: string }[] = [
  { kind: "tmux", label: "tmux", explanation: "Survives restarts of Consort. You can also attach to it with tmux." },
  { kind: "pty", label: "Own terminal", explanation: "Needs no tmux, but ends when Consort does." },
];

function BackendField({ form, set }: Omit<FormPart, "problem">): JSX.Element {
  const backends = machineOf(useApp(), form)?.backends;
  return (
    <div class="field" role="radiogroup" aria-label="Backend">
      <span class="label">Backend</span>
      {BACKENDS.map(({ kind, label, explanation }) => {
        const info = backends?.[kind];
        const available = info?.available ?? false;
        return (
          <label key={kind} class={`backend ${available ? "" : "unavailable"}`}>
            <input type="radio" name="backend" data-testid={`backend-${kind}`} disabled={!available} checked={form.backend === kind} onChange={() => set({ backend: kind })} />
            <span>
              <strong>{label}</strong>{available && info?.detail !== undefined && info.detail.startsWith("tmux") && <span class="dim"> {info.detail.replace(/^tmux /, "")}</span>}
              <br />
              <span class="dim">{available ? explanation : (info?.detail ?? "Not available.")}</span>
            </span>
          </label>
        );
      })}
    </div>
  );
}

function initialForm(path: readonly string[], place: Place, lastPreset: string): AgentForm {
  return { name: siblingPrefix(path), ...place, preset: presetToBeginWith([], lastPreset), commandLine: "", env: [], autostart: true, notes: "" };
}

/** Groups that exist, as beginnings of a name. */
function useGroupSuggestions(name: string): string[] {
  const prefixes = new Set<string>();
  for (const agent of useApp().store.agents.value.values()) {
    agent.path.forEach((_, depth) => prefixes.add(siblingPrefix(agent.path.slice(0, depth + 1))));
  }
  return [...prefixes].filter((prefix) => prefix.startsWith(name) && prefix !== name).sort().slice(0, 20);
}

function useCaretAtEnd(): (element: HTMLInputElement | null) => void {
  const done = useRef(false);
  return (element) => {
    if (element === null || done.current) return;
    done.current = true;
    element.setSelectionRange(element.value.length, element.value.length);
  };
}

/** Beside the field where the node says which one it is about, else on top. */
function explain(error: unknown): Refusal {
  if (!(error instanceof ApiError)) return { field: null, text: String(error) };
  const text = [error.message, error.hint].filter(Boolean).join(" ");
  if (error.code.includes("name")) return { field: "name", text };
  if (error.code.includes("director")) return { field: "directory", text };
  if (error.code.includes("program")) return { field: "commandLine", text };
  if (error.code.includes("env")) return { field: "env", text };
  return { field: null, text };
}
