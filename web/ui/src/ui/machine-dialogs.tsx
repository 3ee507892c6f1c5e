// Inviting a machine, joining one, removing one.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { renderSVG } from "uqr";
import { plural } from "../model/format";
import { ApiError, type Invite } from "../net/api";
import type { NodeInfo, Rights } from "../protocol/types";
import { useApp } from "./context";
import { Dialog } from "./dialog";
import { Icon } from "./icons";

function said(error: unknown): string {
  return error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(" ") : String(error);
}

function RightsChoice({ rights, set }: { rights: Rights; set: (rights: Rights) => void }): JSX.Element {
  return (
    <fieldset class="choices">
      <legend>The other machine can</legend>
      {([["operate", "control agents here"], ["view", "only view them"]] as const).map(([choice, label]) => (
        <label key={choice} class="choice">
          <input type="radio" name="rights" checked={rights === choice} onChange={() => set(choice)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

export function InviteDialog(): JSX.Element {
  const app = useApp();
  const rights = useSignal<Rights>("operate");
  const invite = useSignal<MadeInvite | null>(null);
  const problem = useSignal("");
  const make = async (): Promise<void> => {
    try {
      const asked = rights.value;
      const made = await app.api.invite(asked);
      invite.value = { ...made, rights: asked, until: Date.now() + made.expires_s * 1000 };
      problem.value = "";
    } catch (error) {
      problem.value = said(error);
    }
  };
  return (
    <Dialog title="Invite a machine" testid="invite-dialog">
      {invite.value === null ? (
        <>
          <p>An invite is one command to run on the other machine. It works once, within ten minutes. From then on, this machine accepts connections from its members over the network.</p>
          <RightsChoice rights={rights.value} set={(choice) => (rights.value = choice)} />
          {problem.value !== "" && <p class="field-error" role="alert">{problem.value}</p>}
          <div class="button-row">
            <button class="button" onClick={() => (app.dialog.value = null)}>Cancel</button>
            <button class="button primary" data-testid="make-invite" autofocus onClick={() => void make()}>Create invite</button>
          </div>
        </>
      ) : (
        <InviteCode invite={invite.value} />
      )}
    </Dialog>
  );
}

interface MadeInvite extends Invite {
  readonly rights: Rights;
  readonly until: number;
}

function InviteCode({ invite }: { invite: MadeInvite }): JSX.Element {
  const app = useApp();
  const picture = useMemo(() => renderSVG(invite.code, { border: 0 }), [invite.code]);
  const minutes = useMinutesUntil(invite.until);
  const guest = useGuest(invite.number);
  if (guest !== null) {
    return (
      <div class="invite" data-testid="invite-used">
        <p role="status"><strong>{guest}</strong> has used this invite and belongs to the mesh now.</p>
        <div class="button-row">
          <button class="button primary" onClick={() => (app.dialog.value = null)}>Done</button>
        </div>
      </div>
    );
  }
  return (
    <div class="invite" data-testid="invite">
      <p>Run this on the other machine, which can then {invite.rights === "view" ? <strong>only view agents here</strong> : <strong>control agents here</strong>}:</p>
      <pre class="command"><code>{invite.command}</code></pre>
      <div class="qr" role="img" aria-label="QR code of the invite" dangerouslySetInnerHTML={{ __html: picture }} />
      <p class="dim" role="status">
        {invite.addresses.length === 0 && (
          <strong class="warning" data-testid="invite-unreachable">
            Other machines cannot reach this one: it has no address on any network. Make the invite on the other machine and join from here, or start consort
            with --advertise HOST:PORT.{" "}
          </strong>
        )}
        {minutes > 0 ? `Valid for ${plural(minutes, "minute")} more. ` : "This invite has expired. "}
        {invite.addresses.length > 0 && <>It connects to <span class="mono">{invite.addresses.join(", ")}</span>.</>}
      </p>
      <div class="button-row">
        <button class="button" onClick={() => app.copy(invite.command, "Copied the command.")}><Icon name="copy" /> Copy</button>
        <button class="button primary" onClick={() => (app.dialog.value = null)}>Done</button>
      </div>
    </div>
  );
}

/** The name of the machine that has used an invite. Asked for whenever the machines change; `null` before. */
function useGuest(number: string): string | null {
  const app = useApp();
  const guest = useSignal<string | null>(null);
  const machines = app.store.nodes.value;
  useEffect(() => {
    let gone = false;
    void app.api.meeting().then(
      ({ used }) => {
        const by = used.find((invite) => invite.number === number)?.node;
        if (!gone && by !== undefined) guest.value = machines.find((machine) => machine.id === by)?.name || "Another machine";
      },
      // The next change of the machines asks again.
      () => undefined,
    );
    return () => void (gone = true);
  }, [number, machines]);
  return guest.value;
}

function useMinutesUntil(until: number): number {
  const minutes = (): number => Math.max(0, Math.ceil((until - Date.now()) / 60_000));
  const left = useSignal(minutes());
  useEffect(() => {
    const timer = setInterval(() => (left.value = minutes()), 1_000);
    return () => clearInterval(timer);
  }, [until]);
  return left.value;
}

export function JoinDialog(): JSX.Element {
  const app = useApp();
  const target = useSignal("");
  const rights = useSignal<Rights>("operate");
  const busy = useSignal(false);
  const problem = useSignal("");
  const join = async (): Promise<void> => {
    const text = target.value.trim().replace(/^consort join /, "");
    if (busy.value || text === "") return;
    busy.value = true;
    problem.value = "";
    try {
      const { state, name } = await app.api.join(text, rights.value);
      app.dialog.value = null;
      app.notices.show("info", state === "joined" ? `Joined ${name}.` : `Asked ${name} to admit this machine.`);
    } catch (error) {
      problem.value = said(error);
    }
    busy.value = false;
  };
  return (
    <Dialog title="Join a machine" testid="join-dialog">
      <form
        class="plain-form"
        onSubmit={(event) => {
          event.preventDefault();
          void join();
        }}
      >
        <div class="field">
          <label class="label" for="join-target">Code or address</label>
          <input
            id="join-target"
            data-testid="join-target"
            class="mono"
            autofocus
            placeholder="a code from consort invite, or host:port"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            aria-invalid={problem.value !== ""}
            value={target.value}
            onInput={(event) => {
              target.value = event.currentTarget.value;
              problem.value = "";
            }}
          />
          {problem.value === "" ? <span class="hint">Without a code, someone has to admit this machine over there.</span> : <span class="field-error" role="alert">{problem.value}</span>}
        </div>
        <RightsChoice rights={rights.value} set={(choice) => (rights.value = choice)} />
        <div class="button-row">
          <button class="button" type="button" onClick={() => (app.dialog.value = null)}>Cancel</button>
          <button class="button primary" data-testid="join-submit" aria-disabled={busy.value}>{busy.value ? "Joining…" : "Join"}</button>
        </div>
      </form>
    </Dialog>
  );
}

export function RemoveMachineDialog({ node }: { node: NodeInfo }): JSX.Element {
  const app = useApp();
  const problem = useSignal("");
  const remove = async (): Promise<void> => {
    try {
      await app.api.removeMachine(node.id);
      app.dialog.value = null;
      app.notices.show("info", `Removed ${app.store.nameOf(node)}.`);
    } catch (error) {
      problem.value = said(error);
    }
  };
  const name = app.store.nameOf(node);
  return (
    <Dialog title={`Remove ${name}?`} testid="remove-machine-dialog">
      <p>
        Its agents keep running there but are no longer shown on the other machines, and it can no longer see or control theirs. To
        return, it needs an invite, or has to ask to join and be admitted.
      </p>
      {problem.value !== "" && <p class="field-error" role="alert">{problem.value}</p>}
      <div class="button-row">
        <button class="button" autofocus onClick={() => (app.dialog.value = null)}>Keep it</button>
        <button class="button danger" data-testid="confirm-remove-machine" onClick={() => void remove()}>Remove</button>
      </div>
    </Dialog>
  );
}

export function LeaveDialog(): JSX.Element {
  const app = useApp();
  const problem = useSignal("");
  const leave = async (): Promise<void> => {
    try {
      await app.api.leave();
      app.dialog.value = null;
      app.notices.show("info", "This machine has left the others.");
    } catch (error) {
      problem.value = said(error);
    }
  };
  return (
    <Dialog title="Leave the other machines?" testid="leave-dialog">
      <p>
        Everything keeps running on both sides, and each side then shows only its own agents. To return, this machine needs an
        invite, or has to ask to join and be admitted.
      </p>
      {problem.value !== "" && <p class="field-error" role="alert">{problem.value}</p>}
      <div class="button-row">
        <button class="button" autofocus onClick={() => (app.dialog.value = null)}>Stay</button>
        <button class="button danger" data-testid="confirm-leave" onClick={() => void leave()}>Leave</button>
      </div>
    </Dialog>
  );
}
