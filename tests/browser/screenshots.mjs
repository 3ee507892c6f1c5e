// Makes the pictures of the README: a node with a few agents that look like a working day, desktop and phone.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

const docs = resolve(import.meta.dirname, "../../docs");
mkdirSync(docs, { recursive: true });

const AGENTS = [
  ["customers-zoom-backend", "working", "✳ Fix the flaky upload test"],
  ["customers-zoom-frontend", "waiting", "Add dark mode"],
  ["customers-acme-importer", "done", "Import 2025 invoices"],
  ["infra-ci-runner", "working", "Speed up the pipeline"],
  ["infra-dns", "idle", ""],
  ["research-embeddings", "working", "Compare models"],
  ["notes", "idle", ""],
];

const SCRIPTS = {
  working: (title) => `printf '\\033]2;${title}\\007'
printf '\\033[1m> ${title}\\033[0m\\n\\n\\033[32m●\\033[0m I will look at the failing test first.\\n\\n'
printf '\\033[36m  Read\\033[0m src/upload.rs (214 lines)\\n\\033[36m  Run\\033[0m  cargo test upload -- --nocapture\\n\\n'
printf '  running 3 tests\\n  test upload::retries ... \\033[32mok\\033[0m\\n  test upload::resumes ... \\033[31mFAILED\\033[0m\\n  test upload::aborts ... \\033[32mok\\033[0m\\n\\n'
printf '\\033[32m●\\033[0m The retry timer starts before the socket is closed. Moving it behind the close:\\n\\n'
printf '\\033[48;5;52m  42 -     self.retry.start();\\033[0m\\n\\033[48;5;22m  42 +     self.socket.close()?;\\033[0m\\n\\033[48;5;22m  43 +     self.retry.start();\\033[0m\\n\\n'
i=0; while :; do i=$((i+1)); printf '\\r\\033[33m✶ Testing… (%ss · esc to interrupt)\\033[0m ' $i; sleep 1; done`,
  waiting: (title) => `printf '\\033[?25l\\033]2;${title}\\007> ${title}\\n\\nEdit src/theme.css\\n\\nDo you want to proceed?\\n❯ 1. Yes\\n  2. No\\n'; exec cat`,
  done: (title) => `printf '\\033]2;${title}\\007'; i=0; while [ $i -lt 9 ]; do i=$((i+1)); echo "imported batch $i of 9"; sleep 0.8; done; echo done.; exec cat`,
  idle: () => `exec sh`,
};

const browser = await launchBrowser();
const node = await new TestNode().start();
try {
  for (const [name, kind, title] of AGENTS) {
    const program = join(node.folder, "claude");
    writeFileSync(`${program}-${name}`, `#!/bin/sh\n${SCRIPTS[kind](title)}\n`, { mode: 0o755 });
    await node.create({ name, directory: "/tmp", program: `${program}-${name}`, notes: name.endsWith("backend") ? "Ask Ana before touching the retry policy." : "" });
  }
  await waitFor("a state of every kind", async () => {
    const kinds = new Set((await node.request("GET", "/api/agents")).body.agents.map((agent) => agent.state.kind));
    return ["working", "waiting", "idle"].every((kind) => kinds.has(kind));
  });
  const picture = async (file, options, dark) => {
    const page = await openPage(browser, node, { colorScheme: dark ? "dark" : "light", ...options });
    if (options.isMobile) {
      const agent = (await node.request("GET", "/api/agents")).body.agents.find((candidate) => candidate.name === "customers-zoom-backend");
      await page.goto(`${node.origin}/#/agent/${agent.id}`);
    } else {
      await openAgent(page, node, "customers-zoom-backend");
    }
    await waitFor("the terminal", async () => ((await terminalLines(page)) ?? []).join("\n").includes("Testing"));
    await page.waitForTimeout(500);
    await page.screenshot({ path: resolve(docs, file) });
    await page.context().close();
  };
  await picture("dashboard.png", { viewport: { width: 1280, height: 800 } }, true);
  await picture("dashboard-light.png", { viewport: { width: 1280, height: 800 } }, false);
  await picture("phone.png", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }, true);
} finally {
  await browser.close();
  await node.stop();
}
