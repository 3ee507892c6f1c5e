// On which machine an agent runs; only where that is not this one.

import type { JSX } from "preact";
import type { Agent, NodeInfo } from "../protocol/types";
import { useApp } from "./context";

export function HostBadge({ node }: { node: NodeInfo }): JSX.Element {
  const name = useApp().store.nameOf(node);
  return (
    <span class={`host-badge ${node.reachable ? "" : "unreachable"}`} data-testid="host-badge" title={`Runs on ${name}`}>
      <span><bdi>{node.name}</bdi></span>{name.slice(node.name.length)}
    </span>
  );
}

/** The badge of an agent of another machine. */
export function Host({ agent }: { agent: Agent }): JSX.Element | null {
  const node = useApp().store.nodeOf(agent);
  return node === null || node.self ? null : <HostBadge node={node} />;
}
