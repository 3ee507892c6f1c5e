// Links of terminals in a real browser: one that shows another address than it leads to asks first.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

let browser;
let node;

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode().start();
  const link = (target, text) => `\\033]8;;${target}\\033\\\\${text}\\033]8;;\\033\\\\\\r\\n`;
  const lines = [
    link("https://docs.example/guide", "the-guide"), link("https://evil.example/login", "https://bank.example/login"),
    link("javascript:alert(1)", "a-script"), `https://ban${link("https://evil.example/part", "k.example/part")}`, "https://plain.example/x\\r\\n",
  ];
  await node.create({ name: "links", backend: "pty", program: "sh", args: ["-c", `stty -echo; printf '${lines.join("")}end'; exec cat`] });
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

/** A page with the terminal open, and the addresses of the tabs that it opens. */
async function opened(options = {}) {
  const page = await openPage(browser, node, options);
  await page.context().route(/\.example\//, (route) => route.fulfill({ body: "there", contentType: "text/plain" }));
  const tabs = [];
  page.context().on("page", async (tab) => {
    await tab.waitForURL(/example/);
    tabs.push(tab.url());
    await tab.close();
  });
  if (options.isMobile) {
    const { body } = await node.request("GET", "/api/agents");
    await page.goto(`${node.origin}/#/agent/${body.agents[0].id}`);
  } else {
    await openAgent(page, node, "links");
  }
  await waitFor("the links", async () => ((await terminalLines(page)) ?? []).some((line) => line.startsWith("end")));
  return { page, tabs };
}

// The emulator looks for links when the pointer comes from another cell.
/** Clicks in the middle of a text on the terminal. */
async function clickOn(page, text) {
  const place = await page.evaluate((wanted) => {
    const host = [...document.querySelectorAll('[data-testid="terminal-host"]')].find((candidate) => candidate.offsetParent !== null);
    const terminal = host.consortTerminal;
    const rect = host.querySelector(".xterm-screen").getBoundingClientRect();
    const buffer = terminal.buffer.active;
    for (let row = 0; row < terminal.rows; row++) {
      const column = buffer.getLine(buffer.viewportY + row).translateToString(true).indexOf(wanted);
      if (column === -1) continue;
      const cell = { width: rect.width / terminal.cols, height: rect.height / terminal.rows };
      return { x: rect.left + (column + wanted.length / 2) * cell.width, y: rect.top + (row + 0.5) * cell.height };
    }
    return null;
  }, text);
  await page.mouse.move(place.x, place.y + 100);
  await page.mouse.move(place.x, place.y);
  await waitFor("the pointer of a link", () => page.evaluate(() => document.querySelector(".xterm-cursor-pointer") !== null));
  await page.mouse.click(place.x, place.y);
}

test("a link whose text is no address opens at once, in a tab of its own; so does a plain address", async () => {
  const { page, tabs } = await opened();
  await clickOn(page, "the-guide");
  await waitFor("the tab", () => tabs.length === 1);
  await clickOn(page, "plain.example");
  await waitFor("the next tab", () => tabs.length === 2);
  assert.deepEqual(tabs, ["https://docs.example/guide", "https://plain.example/x"]);
  assert.equal(await page.getByTestId("link-dialog").count(), 0);
  await page.context().close();
});

test("a link whose text is another address asks, with both, and opens only if that is wanted", async () => {
  const { page, tabs } = await opened();
  const dialog = page.getByTestId("link-dialog");
  await clickOn(page, "bank.example/login");
  await dialog.waitFor();
  assert.equal(await page.getByTestId("link-shown").textContent(), "https://bank.example/login");
  assert.equal(await page.getByTestId("link-target").textContent(), "https://evil.example/login");
  assert.equal(await page.getByTestId("link-target").locator("strong").textContent(), "evil.example");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(tabs, [], "the first button is not the one that opens it");
  await clickOn(page, "bank.example/login");
  await page.getByTestId("open-link").click();
  await waitFor("the tab", () => tabs.length === 1);
  assert.deepEqual(tabs, ["https://evil.example/login"]);
  await dialog.waitFor({ state: "detached" });
  await page.context().close();
});

test("so does one that covers only a part of the address that is seen", async () => {
  const { page, tabs } = await opened();
  await clickOn(page, "k.example/part");
  await page.getByTestId("link-dialog").waitFor();
  assert.equal(await page.getByTestId("link-shown").textContent(), "https://bank.example/part");
  assert.deepEqual(tabs, []);
  await page.context().close();
});

test("a link that would run something is refused, and says so", async () => {
  const { page, tabs } = await opened();
  await clickOn(page, "a-script");
  await page.getByText("This link was not opened.").waitFor();
  assert.deepEqual([tabs, page.errors], [[], []]);
  await page.context().close();
});
