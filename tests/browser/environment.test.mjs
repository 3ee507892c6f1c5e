// What agents are started with, as the dashboard shows and changes it: the login shell, variables for all agents, known programs.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode, trimmed, waitFor } from "./harness.mjs";

const VALUE = "hunter2-value";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let browser;
let node;
let page;

const profile = (text) => writeFileSync(join(node.folder, ".profile"), text);

before(async () => {
  browser = await launchBrowser();
  node = new TestNode("desk");
  const bin = join(node.folder, "bin");
  mkdirSync(bin);
  const script = "#!/bin/sh\n[ \"$1\" = --version ] && echo '2.1.197 (Claude Code)' && exit\nprintf %s \"$API_KEY\"; exec cat\n";
  writeFileSync(join(bin, "claude"), script, { mode: 0o755 });
  writeFileSync(join(bin, "qwen"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  profile(`export PATH="${bin}:/usr/bin:/bin"\n`);
  await node.start();
  page = await openPage(browser, node, { viewport: { width: 1280, height: 800 } });
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

/** A picture for a person, if one is wanted. */
async function picture(of, name) {
  if (process.env.CONSORT_PICTURES) await of.screenshot({ path: join(process.env.CONSORT_PICTURES, `${name}.png`) });
}

async function settings(of) {
  await of.getByTestId("settings-button").click();
  const section = of.getByTestId("environment");
  await section.getByTestId("environment-shell").filter({ hasText: "of your login shell, /bin/sh." }).waitFor();
  return section;
}

test("a variable for all agents is set, hidden, shown, given to an agent, and removed", async () => {
  const section = await settings(page);
  await section.getByLabel("Variable", { exact: true }).fill("API_KEY");
  await section.getByLabel("Value", { exact: true }).fill(VALUE);
  await section.getByRole("button", { name: "Set" }).click();
  const row = section.getByTestId("variable").filter({ hasText: "API_KEY" });
  await row.waitFor();
  assert.ok(!(await page.content()).includes(VALUE), "hidden at first");
  await picture(page, "settings-desktop");
  await row.getByRole("button", { name: "Show API_KEY" }).click();
  await row.filter({ hasText: VALUE }).waitFor();
  await row.getByRole("button", { name: "Hide API_KEY" }).click();
  await waitFor("it to be hidden again", async () => !(await page.content()).includes(VALUE));
  await node.create({ name: "keyed", directory: "/tmp", program: "claude" });
  await waitFor("its program to have it", () => trimmed(node.capture("keyed")).includes(VALUE));

  await section.getByLabel("Variable", { exact: true }).fill("CONSORT_X");
  await section.getByRole("button", { name: "Set" }).click();
  await section.getByRole("alert").filter({ hasText: "CONSORT_" }).waitFor();
  await row.getByRole("button", { name: "Remove API_KEY" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(node.consort("env", "list"), "");
  await page.keyboard.press("Escape");
});

test("a login shell that cannot be read says so with what to do, and is asked again", async () => {
  const phone = await openPage(browser, node, PHONE);
  const section = await settings(phone);
  profile("exit 1\n");
  await section.getByRole("button", { name: "Read again" }).click();
  const problem = section.getByTestId("environment-problem");
  await problem.filter({ hasText: "could not be read" }).waitFor();
  assert.match(await problem.textContent(), /consort env reload/);
  await section.getByTestId("environment-shell").filter({ hasText: "of the node itself" }).waitFor();
  await section.scrollIntoViewIfNeeded();
  await picture(phone, "settings-phone");
  profile(`export PATH="${join(node.folder, "bin")}:/usr/bin:/bin"\n`);
  await section.getByRole("button", { name: "Read again" }).click();
  await problem.waitFor({ state: "detached" });
  assert.deepEqual(phone.errors, []);
  await phone.context().close();
});

test("the dialog for a new agent shows which programs agents find, where and in which version", async () => {
  await page.getByTestId("create-button").click();
  const hint = page.getByTestId("program-hint");
  const bin = join(node.folder, "bin");
  await hint.filter({ hasText: `2.1.197, ${bin}/claude` }).waitFor();
  await picture(page, "create-desktop");
  await page.getByTestId("preset-codex").check();
  await hint.filter({ hasText: `codex is not in the PATH of agents: ${bin}:/usr/bin:/bin` }).waitFor();
  await picture(page, "create-missing");
  await page.getByTestId("preset-qwen").check();
  await waitFor("its place", async () => (await hint.textContent()) === `${bin}/qwen`);
  assert.equal(await page.getByTestId("preset-opencode").count(), 0, "what is rare and not there is not offered");
  await page.getByTestId("preset-shell").check();
  await hint.waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  assert.deepEqual(page.errors, []);
});

test("for another machine the dialog says what its agents find there", async () => {
  const peer = new TestNode("server");
  const bin = join(peer.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "codex"), "#!/bin/sh\necho codex-cli 0.171.0\n", { mode: 0o755 });
  writeFileSync(join(peer.folder, ".profile"), `export PATH="${bin}:/usr/bin:/bin"\n`);
  await peer.start();
  const { code } = (await node.request("POST", "/api/invite", {})).body;
  assert.equal((await peer.request("POST", "/api/join", { target: code })).status, 200);
  await waitFor("the machine", async () => (await node.request("GET", "/api/nodes")).body.nodes.length === 2);
  await page.getByTestId("create-button").click();
  await page.getByTestId("create-machine").selectOption({ label: "server" });
  await page.getByTestId("preset-codex").check();
  const hint = page.getByTestId("program-hint");
  await hint.filter({ hasText: `0.171.0, ${bin}/codex` }).waitFor();
  await page.getByTestId("preset-claude").check();
  await hint.filter({ hasText: `claude is not in the PATH of agents: ${bin}:/usr/bin:/bin` }).waitFor();
  await picture(page, "create-far");
  await page.getByTestId("create-machine").selectOption({ index: 0 });
  await hint.filter({ hasText: `2.1.197, ${join(node.folder, "bin")}/claude` }).waitFor();
  await page.keyboard.press("Escape");
  await peer.stop();
});
