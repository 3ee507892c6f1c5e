// The machines: which there are, how each is reached, what it can do, and who wants to be one of them.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { formatAge, plural } from "../model/format";
import { compareNames } from "../model/tree";
import type { Meeting } from "../net/api";
import type { NodeInfo, Rights } from "../protocol/types";
import { useApp } from "./context";
import { Icon } from "./icons";

const ASK_EVERY_MS = 3_000;

export function MachinesPage(): JSX.Element {
  const app = useApp();
  const { meeting, askAgain } = useMeeting();
  const nodes = [...app.store.nodes.value].sort((a, b) => Number(b.self) - Number(a.self) || compareNames(a.name, b.name));
  return (
    <div class="home" data-testid="machines">
      <div class="home-wide">
        <header class="page-header">
          <button class="icon-button back-button" aria-label="Back to the list" onClick={() => app.goHome()}>
            <Icon name="back" />
          </button>
          <h1>Machines</h1>
          <button class="button" data-testid="join-button" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "join" })}>Join</button>
          <button class="button primary" data-testid="invite-button" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "invite" })}>
            <Icon name="plus" /> Invite
          </button>
        </header>
        {meeting !== null && <Requests meeting={meeting} answered={askAgain} />}
        <ul class="machine-list">
          {nodes.map((node) => <li key={node.id}><Machine node={node} /></li>)}
        </ul>
        {nodes.length < 2 && (
          <p class="dim">
            Invite another machine, and its agents are in this list, too: you see and drive all of them from either side.
          </p>
        )}
      </div>
    </div>
  );
}

/** Who asks to be admitted changes without any message: it is asked for while the page is open. */
function useMeeting(): { meeting: Meeting | null; askAgain: () => void } {
  const app = useApp();
  const meeting = useSignal<Meeting | null>(null);
  const ask = (): void => {
    if (!app.isLive.peek() || !app.pageVisible.peek()) return;
    app.api.meeting().then(
      (answer) => (meeting.value = answer),
      () => undefined,
    );
  };
  const live = app.isLive.value;
  useEffect(() => {
    ask();
    const timer = setInterval(ask, ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [live]);
  return { meeting: meeting.value, askAgain: ask };
}

function Requests({ meeting, answered }: { meeting: Meeting; answered: () => void }): JSX.Element | null {
  const app = useApp();
  if (meeting.requests.length + meeting.asking.length === 0) return null;
  const admit = async (id: string, name: string, rights: Rights): Promise<void> => {
    try {
      await app.api.admit(id, rights);
      app.notices.show("info", `${name} is admitted.`);
    } catch (error) {
      app.reportError(`Could not admit ${name}.`, error);
    }
    answered();
  };
  return (
    <ul class="requests">
      {meeting.requests.map(({ id, short, name, from, age_ms }) => (
        <li key={id} class="request" data-testid="join-request">
          <p>
            <strong>{name}</strong> <span class="mono dim">{short}</span> asks to join, from <span class="mono">{from}</span>{" "}
            <span class="dim">{formatAge(age_ms) === "now" ? "just now" : `${formatAge(age_ms)} ago`}. Compare its id with <code>consort id</code> there.</span>
          </p>
          <button class="button small" onClick={() => void admit(id, name, "view")}>Admit to look</button>
          <button class="button small primary" onClick={() => void admit(id, name, "operate")}>Admit</button>
        </li>
      ))}
      {meeting.asking.map(({ id, name, address }) => (
        <li key={id} class="request">
          <p><strong>{name || address}</strong> was asked, and has to admit this machine.</p>
        </li>
      ))}
    </ul>
  );
}

function Machine({ node }: { node: NodeInfo }): JSX.Element {
  const { store, now } = useApp();
  const agents = [...store.agents.value.values()].filter((agent) => agent.node === node.id).length;
  const backends = Object.values(node.backends).filter(({ available, detail }) => available && detail !== "").map(({ detail }) => detail);
  return (
    <article class={`machine ${node.reachable ? "" : "unreachable"}`} data-testid="machine" data-node-id={node.id} data-reachable={node.reachable}>
      <h2>
        <span class="machine-dot" aria-hidden="true" />
        {node.name} <span class="dim mono">{node.short}</span>
      </h2>
      <p>{store.machineSentence(node, now.value)}</p>
      {node.conflict && <p class="field-error" role="alert">Two machines use this id: one is a copy of the other. Remove it, and let the copy make an id of its own.</p>}
      <dl class="fact-list">
        <dt>Agents</dt>
        <dd>{plural(agents, "agent")}{node.reachable || agents === 0 ? "" : ", as last known"}</dd>
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
        {!node.self && (
          <>
            <dt>Rights</dt>
            <dd>{node.rights === "operate" ? "may drive agents of others" : "may only look at agents of others"}</dd>
          </>
        )}
      </dl>
      {!node.self && <MachineActions node={node} />}
    </article>
  );
}

function MachineActions({ node }: { node: NodeInfo }): JSX.Element {
  const app = useApp();
  const other: Rights = node.rights === "operate" ? "view" : "operate";
  const change = (): void => void app.api.admit(node.id, other).catch((error: unknown) => app.reportError(`Could not change the rights of ${node.name}.`, error));
  return (
    <div class="machine-actions">
      <button class="button small" disabled={!app.isLive.value} onClick={change}>{other === "view" ? "Let it only look" : "Let it drive agents"}</button>
      <button class="button small" data-testid="remove-machine" disabled={!app.isLive.value} onClick={() => (app.dialog.value = { kind: "remove-machine", node })}>
        Remove
      </button>
    </div>
  );
}
