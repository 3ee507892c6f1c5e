// On which machine a new agent is to run, and what depends on that.

import type { JSX } from "preact";
import type { App } from "../app/app";
import { machinesInOrder, whyNotThere } from "../model/machines";
import type { AgentForm } from "../model/new-agent";
import type { NodeInfo } from "../protocol/types";
import { useApp } from "./context";
import { Field } from "./field";

export type Place = Pick<AgentForm, "node" | "directory" | "backend">;

/** What depends on the machine: its directories, and what can carry an agent there. */
export function onMachine(app: App, node: string): Place {
  const backend = tmuxWorks(machineOf(app, { node })) ? "tmux" : "pty";
  return { node, directory: app.preferences.lastDirectories.peek()[node] ?? "~/", backend };
}

/** Why nothing can be created on the chosen machine, as a sentence. */
export function machineProblem(app: App, form: Pick<AgentForm, "node">): string {
  const machine = machineOf(app, form);
  if (machine === null) return form.node === "" ? "" : "That machine is no longer in the list.";
  const why = whyNot(app, machine);
  return why === "" ? "" : `${app.store.nameOf(machine)}: ${why}.`;
}

function whyNot(app: App, node: NodeInfo): string {
  return whyNotThere(node, app.store.self.value, app.store.nodesHeardAt, node.reachable ? 0 : app.now.value);
}

/** The machine that was meant, if an agent can be created there; else this one. */
export function machineToBeginWith(app: App, node: string | null): string {
  const meant = app.store.nodesById.value.get(node ?? "");
  const possible = meant !== undefined && !meant.self && whyNot(app, meant) === "";
  return possible ? meant.id : "";
}

export function machineOf(app: App, { node }: Pick<AgentForm, "node">): NodeInfo | null {
  return node === "" ? app.store.self.value : (app.store.nodesById.value.get(node) ?? null);
}

export function tmuxWorks(machine: NodeInfo | null): boolean {
  return machine?.backends.tmux?.available ?? true;
}

/** Where it runs. Machines on which nothing can be created are there, with the reason. */
export function MachineField({ form, set }: { form: AgentForm; set: (change: Place) => void }): JSX.Element {
  const app = useApp();
  const machines = machinesInOrder(app.store.nodes.value);
  const chosen = machineOf(app, form);
  const hint = form.node === "" || chosen === null ? undefined : <span class="hint">{app.store.machineSentence(chosen, app.now.value)}</span>;
  return (
    <Field label="Machine" id="create-machine" problem={machineProblem(app, form)} hint={hint}>
      <select
        id="create-machine"
        data-testid="create-machine"
        value={form.node}
        onChange={(event) => set(onMachine(app, event.currentTarget.value))}
      >
        {machines.map((node) => {
          const why = whyNot(app, node);
          return (
            <option key={node.id} value={node.self ? "" : node.id} disabled={why !== ""}>
              {app.store.nameOf(node)}{node.self ? " (this machine)" : why === "" ? "" : ` (${why})`}
            </option>
          );
        })}
      </select>
    </Field>
  );
}
