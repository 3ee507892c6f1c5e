// The list of agents and what is reached from it, in a real browser with two machines.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const ASKS = ["-c", "printf 'Do you want to proceed?\\n❯ 1. Yes\\n  2. No\\n'; exec cat"];

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
  await Promise.all([node, peer].map((each) => each?.stop()));
});

const agents = async () => (await node.request("GET", "/api/agents")).body.agents;
const named = async (name) => (await agents()).find((agent) => agent.name === name);
const cat = (name) => ({ name, directory: "/tmp", program: "cat" });
const focused = () => page.evaluate(() => document.activeElement?.dataset.testid ?? document.activeElement?.tagName);
const row = (id) => page.locator(`[data-testid="tree-row"][data-agent-id="${id}"]`);
const text = async () => ((await terminalLines(page)) ?? []).join("\n");

test("the field of a variable keeps the keyboard while its name becomes right or wrong", async () => {
  await page.getByTestId("create-button").click();
  await page.locator(".more summary").click();
  await page.getByTestId("env-key").first().click();
  for (const key of ["1", "Backspace", "A", "-", "Backspace", "B"]) {
    await page.keyboard.press(key);
    assert.equal(await focused(), "env-key", `after ${key}`);
  }
  assert.equal(await page.getByTestId("env-key").first().inputValue(), "AB");
  await page.getByTestId("env-key").nth(1).fill("C");
  await page.getByTestId("env-value").nth(1).click();
  await page.evaluate(() => document.querySelector(".env-row button").click());
  assert.equal(await focused(), "env-value", "also while another one is removed");
  await page.keyboard.type("x");
  assert.deepEqual(await page.getByTestId("env-key").evaluateAll((fields) => fields.map(({ value }) => value)), ["C", ""]);
  assert.equal(await page.getByTestId("env-value").first().inputValue(), "x");
  await page.keyboard.press("Escape");
});

test("a name that another machine has is taken only on purpose", async () => {
  await peer.create(cat("shared-name"));
  const mine = await node.create(cat("mine-alone"));
  await waitFor("both", async () => (await agents()).length === 2);
  await page.getByTestId("create-button").click();
  await page.getByTestId("create-name").fill("shared-name");
  assert.match(await page.getByTestId("namesake-warning").innerText(), /on server.*shared-name@server/);
  await page.getByTestId("create-name").press("Enter");
  assert.equal(await focused(), "create-submit");
  assert.equal(await page.getByTestId("create-submit").innerText(), "Create anyway");
  assert.equal((await agents()).length, 2);
  await page.keyboard.press("Escape");

  await openAgent(page, node, "mine-alone");
  await page.getByTestId("rename-button").click();
  await page.getByTestId("rename-input").fill("shared-name");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "rename-anyway");
  assert.match(await page.getByTestId("namesake-warning").innerText(), /on server/);
  assert.equal((await named("mine-alone")).id, mine.id, "not yet");
  await page.keyboard.press("Enter");
  await waitFor("two of the same name", async () => (await agents()).every(({ name }) => name === "shared-name"));
  await page.getByTestId("rename-input").waitFor({ state: "detached" });
});
