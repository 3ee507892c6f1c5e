// The machines: which there are, how each is reached, and what it can do.

import type { JSX } from "preact";
import { plural } from "../model/format";
import { machineSentence } from "../model/machines";
import { compareNames } from "../model/tree";
import type { NodeInfo } from "../protocol/types";
import { useApp } from "./context";
import { Icon } from "./icons";

export function MachinesPage(): JSX.Element {
  const { store } = useApp();
  const nodes = [...store.nodes.value].sort((a, b) => Number(b.self) - Number(a.self) || compareNames(a.name, b.name));
  return (
    <div class="home" data-testid="machines">
      <div class="home-wide">
        <header class="page-header">
          <BackToList />
          <h1>Machines</h1>
        </header>
        <ul class="machine-list">
          {nodes.map((node) => <li key={node.id}><Machine node={node} /></li>)}
        </ul>
        {nodes.length < 2 && (
          <section>
            <h2>Another machine</h2>
            <p class="dim">To see and drive the agents of another machine here, too, run this on one of the two and follow what it says:</p>
            <pre class="command"><code>consort invite</code></pre>
          </section>
        )}
      </div>
    </div>
  );
}

function BackToList(): JSX.Element {
  const app = useApp();
  return (
    <button class="icon-button back-button" aria-label="Back to the list" onClick={() => app.goHome()}>
      <Icon name="back" />
    </button>
  );
}

function Machine({ node }: { node: NodeInfo }): JSX.Element {
  const { store, now } = useApp();
  const agents = [...store.agents.value.values()].filter((agent) => agent.node === node.id).length;
  const backends = Object.values(node.backends).filter((backend) => backend.available && backend.detail !== "").map(({ detail }) => detail);
  return (
    <article class={`machine ${node.reachable ? "" : "unreachable"}`} data-testid="machine" data-node-id={node.id} data-reachable={node.reachable}>
      <h2>
        <span class="machine-dot" aria-hidden="true" />
        {node.name} <span class="dim mono">{node.short}</span>
      </h2>
      <p>{machineSentence(node, store.nodesHeardAt, now.value)}</p>
      {node.conflict != null && node.conflict !== "" && <p class="field-error" role="alert">{node.conflict}</p>}
      <dl class="fact-list">
        <dt>Agents</dt>
        <dd>{plural(agents, "agent")}{node.reachable || agents === 0 ? "" : ", as last known"}</dd>
        {node.addresses !== undefined && node.addresses.length > 0 && (
          <>
            <dt>Addresses</dt>
            <dd class="mono">{node.addresses.map((address) => <div key={address}>{address}</div>)}</dd>
          </>
        )}
        <dt>Version</dt>
        <dd>{node.version}</dd>
        {backends.length > 0 && (
          <>
            <dt>Carries agents in</dt>
            <dd>{backends.join(", ")}</dd>
          </>
        )}
        {node.rights !== undefined && !node.self && (
          <>
            <dt>Rights</dt>
            <dd>{node.rights === "operate" ? "may be operated from here" : "may only be looked at from here"}</dd>
          </>
        )}
      </dl>
    </article>
  );
}
