// What somebody sees who is not logged in.

import type { JSX } from "preact";

export function LoginPage({ problem }: { problem: string }): JSX.Element {
  return (
    <main class="login" data-testid="login-page">
      <div class="login-card">
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>Log in to Consort</h1>
        {problem !== "" && <p class="field-error" role="alert">{problem}</p>}
        <p>On the machine that runs Consort, type</p>
        <pre class="command"><code>consort open</code></pre>
        <p class="dim">It opens this page with a fresh login link. The link works once and for ten minutes.</p>
      </div>
    </main>
  );
}
