// Terminals side by side: of a group, of a selection, of all that wait; looked at without changing them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode, waitFor } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const SIZE = { cols: 130, rows: 44 };

let browser;
let node;
let page;
const agents = {};

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode("desk").start();
  for (const name of ["one", "two", "three", "four", "five"]) {
    agents[name] = await node.create({ name: `team-${name}`, program: "sh", args: ["-c", `seq 1 60; echo mark-${name}; exec cat`], ...SIZE });
  }
  agents.asks = await node.create({ name: "other-asks", program: "sh", args: ["-c", "read start; printf 'Go on? (y/n) '; read answer; clear; exec cat"], ...SIZE });
  page = await openPage(browser, node, { viewport: { width: 1280, height: 800 } });
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const cells = (of = page) => of.getByTestId("grid-cell");
const ids = async (of = page) => cells(of).evaluateAll((all) => all.map((cell) => cell.dataset.agentId));
const focused = () => page.evaluate(() => document.activeElement.closest("[data-testid=grid-cell]")?.dataset.agentId);

/** Waits until so many terminals show the marks of their agents, each within its cell. */
async function waitForCells(count, of = page) {
  await waitFor(`${count} live cells`, async () =>
    (await cells(of).count()) === count &&
    (await of.evaluate(() => [...document.querySelectorAll("[data-testid=grid-cell]")].filter((cell) => {
      const host = cell.querySelector(".terminal-host");
      const screen = host?.querySelector(".xterm-screen");
      if (cell.querySelector('[data-phase="live"]') === null || !screen) return false;
      const [inner, outer] = [screen.getBoundingClientRect(), cell.getBoundingClientRect()];
      const rows = host.querySelector(".xterm-rows")?.textContent ?? "";
      return /mark-|Go on/.test(rows) && inner.right <= outer.right && inner.bottom <= outer.bottom;
    }).length)) === count);
}

test("a link shows a group; looking changes no size, and no cell is accelerated", async () => {
  await page.goto(`${node.origin}/#/grid/group/team/4`);
  await waitForCells(4);
  const order = ["five", "four", "one", "three"].map((name) => agents[name].id);
  assert.deepEqual(await ids(), order);
  assert.equal(await page.getByTestId("grid-range").innerText(), "1–4 of 5");
  await page.getByTestId("grid-next").click();
  await waitForCells(1);
  assert.deepEqual(await ids(), [agents.two.id]);
  await page.getByTestId("grid-counts").getByText("6").click();
  await waitForCells(5);
  assert.match(page.url(), /#\/grid\/group\/team\/6$/);
  assert.equal(await page.locator("canvas").count(), 0);
  for (const { terminals } of (await node.request("GET", "/api/agents")).body.agents) {
    assert.deepEqual([terminals[0].cols, terminals[0].rows], [SIZE.cols, SIZE.rows]);
  }
});

test("arrows move, Enter opens one that can be typed into, and a key leads back to the same cell", async () => {
  await page.getByTestId("grid-counts").getByText("4").click();
  await waitForCells(4);
  await cells().nth(0).getByRole("button").focus();
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowRight"]) await page.keyboard.press(key);
  assert.equal(await focused(), agents.three.id);
  await page.keyboard.press("Enter");
  await page.locator(`[data-testid="terminal"][data-agent-id="${agents.three.id}"][data-phase="live"]`).waitFor();
  await page.keyboard.type("typed here\n");
  await waitFor("the echo", () => node.capture("team-three").includes("typed here"));
  await page.keyboard.press("Control+Shift+G");
  await waitForCells(4);
  assert.equal((await page.evaluate(() => location.hash)), "#/grid/group/team/4");
  await cells().nth(1).click();
  await page.locator(`[data-testid="terminal"][data-agent-id="${agents.four.id}"][data-phase="live"]`).waitFor();
  await page.keyboard.press("Control+Shift+E");
  await page.keyboard.press("Escape");
  await waitForCells(4);
  await page.keyboard.press("Escape");
  await page.getByTestId("home").waitFor();
});

test("a selection and all that wait are shown, and one that is answered leaves", async () => {
  const row = (name) => page.locator(`[data-testid="tree-row"][data-agent-id="${agents[name].id}"]`);
  await row("one").click({ modifiers: ["Control"] });
  await row("two").click({ modifiers: ["Control"] });
  await page.getByTestId("selected-grid").click();
  await waitForCells(2);
  assert.deepEqual(await ids(), [agents.one.id, agents.two.id]);
  await page.getByTestId("clear-selection").click();
  node.tmux("send-keys", "-t", "=other-asks:", "Enter");
  await waitFor("it waits", async () => (await page.locator(`[data-testid="tree-row"][data-agent-id="${agents.asks.id}"]`).getAttribute("data-state")) === "waiting");
  await page.goto(`${node.origin}/#/grid/waiting/4`);
  await waitForCells(1);
  assert.match(await cells().innerText(), /Go on\?/);
  node.consort("answer", "other-asks", "y");
  await page.getByText("No agent is waiting for you.").waitFor();
  assert.deepEqual(page.errors, []);
});

test("on a phone they are below each other, and only what is in view is looked at", async () => {
  const phone = await openPage(browser, node, PHONE);
  await phone.goto(`${node.origin}/#/grid/all/9`);
  await waitFor("cells", async () => (await cells(phone).count()) === 6);
  await waitFor("those in view", async () => (await phone.locator('[data-testid="grid-terminal"][data-phase="live"]').count()) >= 2);
  const boxes = await Promise.all((await cells(phone).all()).map((cell) => cell.boundingBox()));
  assert.ok(boxes.every(({ width }) => width > 360 && width <= 390), JSON.stringify(boxes));
  assert.ok((await phone.locator('[data-testid="grid-terminal"][data-phase="live"]').count()) < 6, "the last ones are not in view");
  await cells(phone).first().tap();
  await phone.getByTestId("agent-view").waitFor();
  await phone.goBack();
  await phone.getByTestId("grid-page").waitFor();
  await phone.context().close();
});
