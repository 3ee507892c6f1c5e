// The panes of one window, seen together as tmux lays them out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openAgent, openPage, TestNode, waitFor } from "./harness.mjs";

let browser;
let node;

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode().start();
  node.tmux("new-session", "-d", "-s", "split", "-x", "100", "-y", "30", "cat");
  node.tmux("split-window", "-h", "-t", "split:", "cat");
  node.tmux("split-window", "-v", "-t", "split:", "cat");
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const panes = () =>
  node.tmux("list-panes", "-t", "split:", "-F", "#{pane_id} #{pane_left} #{pane_top} #{pane_width} #{pane_height}").trim().split("\n")
    .map((line) => line.slice(1).split(" ").map(Number));

/** Text of each pane on the page, by its number. */
const texts = (page) =>
  page.locator('[data-testid="window-pane"] .terminal-host').evaluateAll((hosts) =>
    Object.fromEntries(hosts.map((host) => {
      const buffer = host.consortTerminal.buffer.active;
      const lines = Array.from({ length: host.consortTerminal.rows }, (_, y) => buffer.getLine(y)?.translateToString(true) ?? "");
      return [host.dataset.terminal, lines.join("\n")];
    })));

test("all panes of a window are live where tmux has them; what is typed goes to the one that was clicked", async () => {
  const page = await openPage(browser, node, { viewport: { width: 1280, height: 800 } });
  await openAgent(page, node, "split");
  await page.getByTestId("panes-together").click();
  await waitFor("three panes", async () => (await page.getByTestId("window-pane").count()) === 3);
  const before = panes();

  const area = await page.getByTestId("window-panes").boundingBox();
  for (const [id, left, top, width, height] of before) {
    const box = await page.locator(`[data-testid="window-pane"]:has([data-terminal="${id}"])`).first().boundingBox();
    const near = (found, cells, all, pixels, what) => assert.ok(Math.abs(found - (cells / all) * pixels) < 2, `${what} of pane ${id}`);
    near(box.x - area.x, left, 100, area.width, "left edge");
    near(box.y - area.y, top, 30, area.height, "top edge");
    near(box.width, width, 100, area.width, "width");
    near(box.height, height, 30, area.height, "height");
  }

  for (const [id] of before) node.tmux("send-keys", "-t", `%${id}`, "-l", `I am ${id}`);
  await waitFor("each pane's own text", async () => {
    const shown = await texts(page);
    return before.every(([id]) => shown[id]?.startsWith(`I am ${id}`));
  });

  const [last] = before.at(-1);
  await page.locator(`[data-testid="terminal"][data-terminal="${last}"] .xterm-screen`).click();
  await waitFor("its tab is selected", async () =>
    (await page.locator('[data-testid="terminal-tab"][aria-selected="true"]').getAttribute("data-terminal")) === String(last));
  await page.keyboard.type(" typed here");
  await waitFor("the text in that pane", async () => (await texts(page))[last]?.includes("typed here"));
  const shown = await texts(page);
  assert.ok(before.slice(0, -1).every(([id]) => !shown[id].includes("typed")), "and in no other");
  assert.deepEqual(panes(), before, "looking and typing here changed no size");
  if (process.env.CONSORT_SCREENSHOTS) await page.screenshot({ path: `${process.env.CONSORT_SCREENSHOTS}/panes.png` });

  node.tmux("kill-pane", "-t", `%${before[0][0]}`);
  await waitFor("two panes", async () => (await page.getByTestId("window-pane").count()) === 2);
  await page.getByTestId("panes-together").click();
  await waitFor("one terminal", async () => (await page.getByTestId("terminal").count()) === 1);
  await page.close();
});
