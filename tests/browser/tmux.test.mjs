// The dashboard with configurations of tmux that get in the way, in a real browser.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tmuxCells, waitUntilSame } from "./cells.mjs";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

let browser;

before(async () => {
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
});

const CONFIGURATIONS = {
  "a hook that prints": 'set-hook -g client-attached "list-sessions"\nset-hook -g after-list-panes "list-sessions"\n',
  "sessions that end when nobody looks": "set -g destroy-unattached on\nset -s exit-unattached on\n",
};

for (const [name, configuration] of Object.entries(CONFIGURATIONS)) {
  test(`agents are made, typed into and seen again with ${name}`, async (t) => {
    const node = new TestNode();
    t.after(() => node.stop());
    writeFileSync(join(node.folder, ".tmux.conf"), configuration);
    await node.start();
    await node.create({ name: "first-agent", program: "cat", backend: "tmux" });
    const page = await openPage(browser, node);
    await openAgent(page, node, "first-agent");
    await page.keyboard.type("typed in the page\n");
    await waitFor("the echo", async () => (await terminalLines(page))?.filter((line) => line === "typed in the page").length === 2);
    await waitUntilSame("what tmux has", page, () => tmuxCells(node, "first-agent"));
    // Nobody looks for a moment, and other clients come and go.
    await page.goto("about:blank");
    assert.match(node.tmux("list-sessions"), /first-agent/);
    await page.goto(node.origin);
    await openAgent(page, node, "first-agent");
    await waitUntilSame("what tmux has", page, () => tmuxCells(node, "first-agent"));
    if (process.env.CONSORT_SHOTS) await page.screenshot({ path: join(process.env.CONSORT_SHOTS, `tmux-${name.replaceAll(" ", "-")}.png`) });
    await page.context().close();
  });
}

test("the start page says which hook keeps the node out of tmux, and no longer when it is gone", async (t) => {
  const node = new TestNode();
  t.after(() => node.stop());
  node.tmux("new-session", "-d", "-s", "mine", "cat");
  node.tmux("set-hook", "-g", "client-attached", "detach-client");
  await node.start();
  const page = await openPage(browser, node);
  const banner = page.getByTestId("tmux-missing");
  await banner.waitFor();
  assert.match(await banner.innerText(), /A hook of your tmux detaches Consort whenever it connects: client-attached\[0\] detach-client\. Remove it/);
  if (process.env.CONSORT_SHOTS) {
    await page.screenshot({ path: join(process.env.CONSORT_SHOTS, "tmux-detached.png") });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: join(process.env.CONSORT_SHOTS, "tmux-detached-phone.png") });
    await page.setViewportSize({ width: 1280, height: 800 });
  }
  node.tmux("set-hook", "-gu", "client-attached");
  await openAgent(page, node, "mine");
  await page.context().close();
});
