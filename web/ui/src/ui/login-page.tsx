// What somebody sees who is not logged in, or who came by an address that the node does not know.

import type { ComponentChildren, JSX } from "preact";

interface Props {
  readonly problem: string;
  /** The address of this page, if pages there may not use the node. */
  readonly unknownAddress: string | undefined;
}

export function LoginPage({ problem, unknownAddress }: Props): JSX.Element {
  if (unknownAddress !== undefined) {
    return (
      <Card title="Consort does not know this address">
        <p>This page was opened at <strong>{unknownAddress}</strong>, through a proxy. Consort answers only to addresses that it knows, so that no other page can reach your terminals.</p>
        <p>If this is your dashboard, type on the machine that runs Consort</p>
        <pre class="command"><code>consort allow {unknownAddress}</code></pre>
        <p>and <a href="">load this page again</a>.</p>
      </Card>
    );
  }
  return (
    <Card title="Log in to Consort">
      {problem !== "" && <p class="field-error" role="alert">{problem}</p>}
      <p>On the machine that runs Consort, type</p>
      <pre class="command"><code>consort open</code></pre>
      <p class="dim">It opens this page with a fresh login link. The link works once and for ten minutes.</p>
    </Card>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <main class="login" data-testid="login-page">
      <div class="login-card">
        <img src="icon.svg" alt="" width="40" height="40" />
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
