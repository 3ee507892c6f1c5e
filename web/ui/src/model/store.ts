// What the node has told this tab: agents, machines, colours. Signals that the components read.

import { batch, computed, signal } from "@preact/signals";
import type { Agent, NodeInfo, ServerMessage } from "../protocol/types";
import { isolated } from "./format";
import { machineName, machineNames, machineSentence } from "./machines";
import { compareNames } from "./tree";

/** Changes of agents are collected this long, so that a busy machine does not redraw the tree hundreds of times a second. */
const COLLECT_MS = 40;

export class Store {
  readonly agents = signal<ReadonlyMap<string, Agent>>(new Map());
  readonly nodes = signal<readonly NodeInfo[]>([]);
  readonly hues = signal<Readonly<Record<string, number>>>({});
  /** The list of agents has arrived at least once. */
  readonly loaded = signal(false);

  /** When the machines were last told, in this browser's clock: their ages are relative to that. */
  nodesHeardAt = Date.now();

  readonly nodesById = computed<ReadonlyMap<string, NodeInfo>>(() => new Map(this.nodes.value.map((node) => [node.id, node])));
  /** What each machine is called where it is named: with its short id if its name is not unique. */
  readonly machineNames = computed(() => machineNames(this.nodes.value));
  readonly self = computed(() => this.nodes.value.find((node) => node.self) ?? null);
  /** Agents that wait for the user and can be answered, longest first. */
  readonly waiting = computed(() =>
    [...this.agents.value.values()]
      .filter((agent) => this.isWaiting(agent))
      .sort((a, b) => stateSince(a) - stateSince(b) || compareNames(a.name, b.name)),
  );

  /** Machines that cannot be reached. */
  readonly away = computed(() => this.nodes.value.filter((node) => !node.self && !node.reachable));
  /** Agents of those that waited for the user when they were heard of last. */
  readonly lastKnownWaiting = computed(() =>
    [...this.agents.value.values()].filter((agent) => agent.state.kind === "waiting" && !this.isReachable(agent)),
  );
  /** False if this machine was admitted only to look: it has no say in who is a member. */
  readonly mayManage = computed(() => this.self.value?.rights !== "view");

  private readonly collected = new Map<string, Agent | null>();
  private collecting = false;

  constructor(private readonly later: (run: () => void, ms: number) => unknown = (run, ms) => setTimeout(run, ms)) {}

  agent(id: string): Agent | null {
    return this.agents.value.get(id) ?? null;
  }

  /** State of a machine in one line. */
  machineSentence(node: NodeInfo, now: number): string {
    return machineSentence(node, this.nodesById.value, this.machineNames.value, this.nodesHeardAt, now);
  }

  /** What a machine is called where it is named. */
  nameOf({ id, name }: NodeInfo): string {
    return this.machineNames.value.get(id) ?? name;
  }

  /** False only for agents of a machine that is known to be away: of them there is nothing but old news. */
  isReachable(agent: Agent): boolean {
    return this.nodeOf(agent)?.reachable ?? true;
  }

  /** False for agents of others if this machine was admitted only to look at them. */
  mayOperate(agent: Agent): boolean {
    const self = this.self.value;
    return self === null || agent.node === self.id || self.rights !== "view";
  }

  isWaiting(agent: Agent): boolean {
    return agent.state.kind === "waiting" && this.isReachable(agent);
  }

  /** The machine of an agent; `null` while it is not known. */
  nodeOf(agent: Agent): NodeInfo | null {
    return this.nodesById.value.get(agent.node) ?? null;
  }

  /** What people and commands call it: with its machine, if that is another one or the name is not unique. */
  addressOf(agent: Agent): string {
    const node = this.nodeOf(agent);
    const here = node === null || node.self;
    const unique = [...this.agents.value.values()].every(({ id, name }) => name !== agent.name || id === agent.id);
    return here && unique ? agent.name : `${agent.name}@${node === null ? agent.node.slice(0, 7) : this.nameOf(node)}`;
  }

  /** The names of the machines on which `agents` are. */
  machinesOf(agents: readonly Agent[]): string[] {
    const ids = [...new Set(agents.map(({ node }) => node))];
    return ids.map((id) => machineName(this.machineNames.value, id)).sort(compareNames);
  }

  /** An agent as people name it: with its machine, if that is another one. */
  addressed(id: string): string {
    const agent = this.agent(id);
    const node = agent === null ? null : this.nodeOf(agent);
    return `${agent === null ? "an agent" : isolated(agent.name)}${node === null || node.self ? "" : ` on ${this.nameOf(node)}`}`;
  }

  apply(message: ServerMessage): void {
    switch (message.t) {
      case "welcome":
        this.nodes.value = [message.node, ...this.nodes.value.filter((node) => node.id !== message.node.id && !node.self)];
        return;
      case "agents":
        return this.replaceAll(message.all);
      case "agent":
        return this.put(message.agent);
      case "agent-gone":
        return this.collect(message.id, null);
      case "categories":
        this.hues.value = message.hues;
        return;
      case "nodes":
        this.nodesHeardAt = Date.now();
        this.nodes.value = message.all;
        return;
      default:
        return;
    }
  }

  /** Also for answers of the API, so that what the user did shows before the node's own message arrives. */
  put(agent: Agent): void {
    noteSince(agent);
    this.collect(agent.id, agent);
  }

  /** Applies what has been collected now. */
  flush(): void {
    if (this.collected.size === 0) return;
    const next = new Map(this.agents.value);
    for (const [id, agent] of this.collected) {
      if (agent === null) next.delete(id);
      else next.set(id, agent);
    }
    this.collected.clear();
    this.agents.value = next;
  }

  private replaceAll(all: readonly Agent[]): void {
    all.forEach(noteSince);
    this.collected.clear();
    batch(() => {
      this.agents.value = new Map(all.map((agent) => [agent.id, agent]));
      this.loaded.value = true;
    });
  }

  private collect(id: string, agent: Agent | null): void {
    this.collected.set(id, agent);
    if (this.collecting) return;
    this.collecting = true;
    this.later(() => {
      this.collecting = false;
      this.flush();
    }, COLLECT_MS);
  }
}

/** Ages are relative to when they arrived; this remembers the absolute time. */
const since = new WeakMap<Agent, number>();

function noteSince(agent: Agent): void {
  since.set(agent, Date.now() - agent.state.age_ms);
}

/** When the agent entered its state, in this browser's clock. */
export function stateSince(agent: Agent): number {
  return since.get(agent) ?? Date.now() - agent.state.age_ms;
}
