// What the start page does not know, and why: machines that are away, or that this one is no longer with.

import type { JSX } from "preact";
import { plural } from "../model/format";
import { useApp } from "./context";
import { Icon } from "./icons";

export function MeshBanner(): JSX.Element | null {
  const app = useApp();
  const { away, lastKnownWaiting, self } = app.store;
  const waiting = lastKnownWaiting.value.length;
  const waited = waiting === 0 ? "" : `${plural(waiting, "agent")} there ${waiting === 1 ? "was" : "were"} waiting for you when last seen.`;
  if (self.value?.removed === true) {
    return (
      <div class="banner" data-testid="removed-banner" role="status">
        <Icon name="machines" />
        <p><strong>This machine was removed from the mesh.</strong> It no longer sees the other machines. {waited}</p>
        <button class="button small" onClick={() => (app.dialog.value = { kind: "join" })}>Join again</button>
      </div>
    );
  }
  if (away.value.length === 0) return null;
  const names = away.value.map((node) => app.store.nameOf(node)).join(", ");
  return (
    <div class="banner" data-testid="away-banner" role="status">
      <Icon name="machines" />
      <p><strong>{away.value.length === 1 ? names : plural(away.value.length, "machine")} cannot be reached{away.value.length === 1 ? "" : `: ${names}`}.</strong> {waited}</p>
      <button class="button small" onClick={() => app.showMachines()}>Machines</button>
    </div>
  );
}
