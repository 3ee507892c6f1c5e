// A session that was found becomes one of ours from the page: what runs in it is read, can be changed, and is what is started from then on.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode, waitFor } from "./harness.mjs";

let browser;
let node;
let peer;
let page;

before(async () => {
  browser = await launchBrowser();
  [node, peer] = await Promise.all(["desk", "server"].map((name) => new TestNode(name).start()));
  const { code } = (await node.request("POST", "/api/invite", {})).body;
  assert.equal((await peer.request("POST", "/api/join", { target: code })).status, 200);
  page = await openPage(browser, node, { viewport: { width: 1280, height: 800 } });
});

after(async () => {
  await browser?.close();
  await Promise.all([node?.stop(), peer?.stop()]);
});

const agentNamed = (name) => waitFor(name, async () => (await node.request("GET", "/api/agents")).body.agents.find((agent) => agent.name === name));

/** A session that its user made in tmux, which writes its own first argument down. */
function found(of, name, word) {
  const script = `echo "$1" >> ${join(of.folder, name)}; exec cat`;
  of.tmux("new-session", "-d", "-s", name, "-c", of.folder, "sh", "-c", `exec sh -c '${script}' sh '${word}'`);
  return agentNamed(name);
}

test("what was found is read, changed and adopted in the details; then it is started as it was written there", async () => {
  const agent = await found(node, "mine", "one two");
  await page.goto(`${node.origin}/#/agent/${agent.id}`);
  await page.getByTestId("details-toggle").click();
  await page.getByTestId("adopt-button").click();
  const command = page.getByTestId("adopt-command");
  await command.waitFor();
  // What `cat` has for arguments now is what runs.
  assert.equal(await command.inputValue(), "cat");
  assert.equal(await page.getByTestId("adopt-directory").inputValue(), node.folder);
  await command.fill("sh -c 'echo");
  await page.getByTestId("adopt-submit").click();
  await page.getByTestId("adopt-dialog").getByRole("alert").filter({ hasText: "not closed" }).waitFor();
  await command.fill("sh -c 'echo \"again $1\" >> again; exec cat' sh 'three four'");
  await page.getByTestId("adopt-submit").click();
  await page.getByTestId("adopt-dialog").waitFor({ state: "detached" });
  await page.getByTestId("adopt-button").waitFor({ state: "detached" });
  await page.getByTestId("autostart").waitFor();
  assert.deepEqual(readFileSync(join(node.folder, "mine"), "utf8"), "one two\n", "nothing was started");
  await page.getByTestId("agent-restart").click();
  await page.getByTestId("confirm-interrupt").click();
  await waitFor("its new start", () => existsSync(join(node.folder, "again")));
  assert.equal(readFileSync(join(node.folder, "again"), "utf8"), "again three four\n");
  assert.deepEqual(page.errors, []);
});

test("one of another machine is adopted from the menu of the list", async () => {
  const agent = await found(peer, "theirs", "x");
  const row = page.locator(`[data-testid="tree-row"][data-agent-id="${agent.id}"]`);
  await row.click({ button: "right" });
  await page.getByRole("menuitem", { name: "Adopt", exact: true }).click();
  await page.getByTestId("adopt-dialog").filter({ hasText: "in tmux on server" }).waitFor();
  await page.getByTestId("adopt-command").waitFor();
  await page.getByTestId("adopt-submit").click();
  await page.getByTestId("adopt-dialog").waitFor({ state: "detached" });
  const own = await waitFor("it is theirs", async () => (await peer.request("GET", "/api/agents")).body.agents.find(({ name, origin }) => name === "theirs" && origin === "created"));
  assert.deepEqual([own.program, own.args, own.directory], ["cat", [], peer.folder]);
  await row.click({ button: "right" });
  assert.equal(await page.getByRole("menuitem", { name: "Adopt", exact: true }).count(), 0);
  await page.keyboard.press("Escape");
  // One that has ended in the meantime is not adopted.
  const gone = await found(peer, "ending", "x");
  await page.locator(`[data-testid="tree-row"][data-agent-id="${gone.id}"]`).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Adopt", exact: true }).click();
  await page.getByTestId("adopt-command").waitFor();
  peer.tmux("kill-session", "-t", "=ending");
  await page.getByTestId("adopt-submit").click({ timeout: 2_000 }).catch(() => undefined);
  await waitFor("that it says so", async () => /does not run|no such|not found|gone/i.test(await page.getByTestId("adopt-dialog").innerText()));
  assert.deepEqual(page.errors, []);
});
