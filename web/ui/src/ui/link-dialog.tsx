// Asks before a link is opened that leads elsewhere than it seems to.

import type { JSX } from "preact";
import { openPage } from "../app/app";
import { isolated } from "../model/format";
import { useApp } from "./context";
import { Dialog } from "./dialog";

export function LinkDialog({ url, host, shown }: { url: string; host: string; shown: string | null }): JSX.Element {
  const app = useApp();
  const close = (): void => void (app.dialog.value = null);
  const path = url.indexOf("/", "https://".length);
  const at = Math.max(0, url.lastIndexOf(host, path === -1 ? url.length : path));
  return (
    <Dialog title="This link leads elsewhere" testid="link-dialog">
      <p>
        {shown === null
          ? "The part before the @ looks like a site, but it is only a user name."
          : "A program printed one address and linked another."}
      </p>
      <dl class="fact-list link-facts">
        {shown !== null && <dt>It shows</dt>}
        {shown !== null && <dd class="mono" data-testid="link-shown">{isolated(shown)}</dd>}
        <dt>It leads to</dt>
        <dd class="mono" data-testid="link-target">
          {url.slice(0, at)}<strong>{url.slice(at, at + host.length)}</strong>{url.slice(at + host.length)}
        </dd>
      </dl>
      <div class="button-row">
        <button class="button" autofocus onClick={close}>Cancel</button>
        <button class="button" onClick={() => (app.copy(url, "Copied."), close())}>Copy the address</button>
        <button class="button danger" data-testid="open-link" onClick={() => (openPage(url), close())}>Open anyway</button>
      </div>
    </Dialog>
  );
}
