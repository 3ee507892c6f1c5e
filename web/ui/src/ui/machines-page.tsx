// The machines: which there are, how each is reached, what it can do, and who wants to be one of them.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { formatAge, plural } from "../model/format";
import { machinesInOrder } from "../model/machines";
import type { Meeting } from "../net/api";
import type { NodeInfo, Rights } from "../protocol/types";
import { useApp } from "./context";
import { Icon } from "./icons";

export function MachinesPage(): JSX.Element {
  const app = useApp();
  const meeting = app.meeting.meeting.value;
  const nodes = machinesInOrder(app.store.nodes.value);
  useEffect(() => void app.meeting.ask(), [app]);
  return (
    <div class="home" data-testid="machines">
      <div class="home-wide">
        <header class="page-header">
          <button class="icon-button back-button" aria-label="Back to the list" onClick={() => app.goHome()}>
            <Icon name="back" />
          </button>
          <h1>Machines</h1>
          <button class="button" data-testid="join-button" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "join" })}>Join</button>
          {app.store.mayManage.value && (
            <button class="button primary" data-testid="invite-button" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "invite" })}>
              <Icon name="plus" /> Invite
            </button>
          )}
        </header>
        {meeting !== null && <Requests meeting={meeting} />}
        <ul class="machine-list">
          {nodes.map((node) => <li key={node.id}><Machine node={node} /></li>)}
        </ul>
        {nodes.length < 2 && app.store.mayManage.value && (
          <p class="dim">
            Invite another machine and its agents appear in this list as well: you see and control all of them from either side.
          </p>
        )}
      </div>
    </div>
  );
}

function Requests({ meeting }: { meeting: Meeting }): JSX.Element | null {
  const app = useApp();
  if (meeting.requests.length + meeting.asking.length === 0) return null;
  const decide = async (name: string, decided: Promise<void>, done: string): Promise<void> => {
    try {
      await decided;
      app.notices.show("info", done);
    } catch (error) {
      app.reportError(`Could not answer ${name}.`, error);
    }
    void app.meeting.ask();
  };
  const admit = (id: string, name: string, rights: Rights): void =>
    void decide(name, app.api.admit(id, rights), rights === "view" ? `Admitted ${name}: it can only view agents.` : `Admitted ${name}: it can control agents.`);
  const refuse = (id: string, name: string): void => void decide(name, app.api.refuse(id), `Refused ${name}.`);
  return (
    <ul class="requests">
      {meeting.requests.map(({ id, short, name, from, age_ms }) => (
        <li key={id} class="request" data-testid="join-request">
          <p>
            <strong><bdi>{name}</bdi></strong> <span class="mono dim">{short}</span> asks to join, from <span class="mono">{from}</span>{" "}
            <span class="dim">{formatAge(age_ms) === "now" ? "just now" : `${formatAge(age_ms)} ago`}. Compare its id with <code>consort id</code> there.</span>
          </p>
          <button class="button small" data-testid="refuse" onClick={() => refuse(id, name)}>Refuse</button>
          {app.store.mayManage.value && (
            <>
              <button class="button small" onClick={() => admit(id, name, "view")}>Admit, view only</button>
              <button class="button small primary" onClick={() => admit(id, name, "operate")}>Admit</button>
            </>
          )}
        </li>
      ))}
      {meeting.asking.map(({ id, name, address }) => (
        <li key={id} class="request">
          <p><strong>{name || address}</strong> has been asked to admit this machine.</p>
        </li>
      ))}
    </ul>
  );
}

function Machine({ node }: { node: NodeInfo }): JSX.Element {
  const { store, now, hasMachines } = useApp();
  const agents = [...store.agents.value.values()].filter((agent) => agent.node === node.id).length;
  const backends = Object.values(node.backends).filter(({ available, detail }) => available && detail !== "").map(({ detail }) => detail);
  return (
    <article class={`machine ${node.reachable && !node.removed ? "" : "unreachable"}`} data-testid="machine" data-node-id={node.id} data-reachable={node.reachable}>
      <h2>
        <span class="machine-dot" aria-hidden="true" />
        <bdi>{node.name}</bdi> <span class="dim mono">{node.short}</span>
      </h2>
      <p>{store.machineSentence(node, now.value)}</p>
      {node.conflict && <p class="field-error" role="alert">Two machines use this id: one is a copy of the other. Remove it, and give the copy an id of its own.</p>}
      <dl class="fact-list">
        <dt>Agents</dt>
        <dd>{plural(agents, "agent")}{node.reachable || agents === 0 ? "" : ", when last seen"}</dd>
        {node.addresses.length > 0 && (
          <>
            <dt>Addresses</dt>
            <dd class="mono">{node.addresses.map((address) => <div key={address} class={address === node.address ? "in-use" : ""}>{address}</div>)}</dd>
          </>
        )}
        {node.version !== "" && (
          <>
            <dt>Version</dt>
            <dd>{node.version}</dd>
          </>
        )}
        {backends.length > 0 && (
          <>
            <dt>Agents run in</dt>
            <dd>{backends.join(", ")}</dd>
          </>
        )}
        {hasMachines.value && (
          <>
            <dt>Rights</dt>
            <dd data-testid="machine-rights">
              {node.rights === "operate" ? "can control the agents of other machines" : `can only view the agents of other machines${node.self ? "; another machine can change that" : ""}`}
            </dd>
          </>
        )}
      </dl>
      {node.self ? <OwnActions node={node} /> : store.mayManage.value && <MachineActions node={node} />}
    </article>
  );
}

function OwnActions({ node }: { node: NodeInfo }): JSX.Element | null {
  const app = useApp();
  if (node.removed) {
    return (
      <div class="machine-actions">
        <button class="button small" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "join" })}>Join again</button>
      </div>
    );
  }
  if (!app.hasMachines.value) return null;
  return (
    <div class="machine-actions">
      <button class="button small" data-testid="leave-mesh" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "leave" })}>Leave the others</button>
    </div>
  );
}

function MachineActions({ node }: { node: NodeInfo }): JSX.Element {
  const app = useApp();
  const other: Rights = node.rights === "operate" ? "view" : "operate";
  const name = app.store.nameOf(node);
  const change = async (): Promise<void> => {
    try {
      await app.api.admit(node.id, other);
      app.notices.show("info", other === "view" ? `${name} can now only view agents.` : `${name} can now control agents.`);
    } catch (error) {
      app.reportError(`Could not change the rights of ${name}.`, error);
    }
  };
  return (
    <div class="machine-actions">
      <button class="button small" disabled={!app.isLive.value} onClick={() => void change()}>{other === "view" ? "Limit to viewing" : "Allow control"}</button>
      <button class="button small" data-testid="remove-machine" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "remove-machine", node })}>
        Remove
      </button>
    </div>
  );
}
