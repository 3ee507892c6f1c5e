// The main paths once more in Firefox, as the distribution ships it: another engine, another emulator's host, other key events.
//
// Playwright drives only a Firefox of its own; puppeteer-core speaks WebDriver BiDi, which any Firefox understands.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";
import { PATIENCE_MS, terminalLines, terminalText, TestNode, trimmed, waitFor, waitUntilEqual } from "./harness.mjs";

const FIREFOXES = [
  process.env.CONSORT_FIREFOX,
  "/usr/bin/firefox-esr",
  "/usr/bin/firefox",
  "/Applications/Firefox.app/Contents/MacOS/firefox",
];
const executablePath = FIREFOXES.find((path) => path && existsSync(path));
const skip = executablePath ? false : "no Firefox found: make setup installs it, or set CONSORT_FIREFOX";

/** Tests fill the clipboard without a click before. */
const PREFERENCES = { "dom.events.testing.asyncClipboard": true };

/** A screen that is touched: coarse pointer, no hovering. */
const TOUCH = { ...PREFERENCES, "ui.primaryPointerCapabilities": 1, "ui.allPointerCapabilities": 1, "dom.w3c_touch_events.enabled": 1 };

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

let browser;
let node;

const launch = (extraPrefsFirefox) => puppeteer.launch({ browser: "firefox", executablePath, headless: true, extraPrefsFirefox });

before(async () => {
  if (skip) return;
  browser = await launch(PREFERENCES);
  node = await new TestNode().start();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const id = (name) => `[data-testid="${name}"]`;

/** A page of its own cookies that is logged in. Errors in it are kept. */
async function openPage(viewport = DESKTOP, by = browser) {
  const context = await by.createBrowserContext();
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  page.setDefaultTimeout(PATIENCE_MS);
  await page.setViewport(viewport);
  await page.goto(await node.freshLink());
  await page.waitForSelector(id("connection-bar"));
  return page;
}

const close = (page) => page.browserContext().close();
const click = async (page, selector) => page.locator(selector).click();
const focusTerminal = (page) => click(page, `${id("terminal-host")} .xterm-screen`);

async function openAgent(page, name) {
  const agent = await waitFor(name, async () => (await node.request("GET", "/api/agents")).body.agents.find((candidate) => candidate.name === name));
  await click(page, `${id("tree-row")}[data-agent-id="${agent.id}"]`);
  await page.waitForSelector(`${id("terminal")}[data-agent-id="${agent.id}"]`);
}

test("Firefox: the login link works once, and the cookie outlives a reload", { skip }, async () => {
  const link = await node.freshLink();
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.waitForSelector(id("connection-bar"));
  assert.ok(!page.url().includes("token"));
  await page.reload();
  await page.waitForSelector(id("connection-bar"));
  const stranger = await browser.createBrowserContext();
  const other = await stranger.newPage();
  await other.goto(link);
  await other.waitForSelector(id("login-page"));
  await context.close();
  await stranger.close();
});

test("Firefox: what runs is listed, and its screen is that of tmux, also after a reload", { skip }, async () => {
  const script = "seq 1 300; printf 'wide: 日本語 \\033[1;31mred\\033[0m ✳\\n'; echo here; exec cat";
  node.tmux("new-session", "-d", "-s", "found-session", "-x", "100", "-y", "30", `sh -c "${script.replaceAll("\\", "\\\\")}"`);
  const page = await openPage();
  await openAgent(page, "found-session");
  await waitFor("its screen", async () => (await terminalText(page)).includes("here"));
  await waitUntilEqual(page, node, "found-session");
  await focusTerminal(page);
  await page.keyboard.type("typed and echoed");
  await waitFor("the echo", async () => (await terminalText(page)).includes("typed and echoed"));
  await page.keyboard.press("Enter");
  await waitUntilEqual(page, node, "found-session");
  const before = trimmed(await terminalLines(page));
  await page.reload();
  await waitFor("its screen", async () => (await terminalText(page)).includes("typed and echoed"));
  await waitUntilEqual(page, node, "found-session");
  assert.deepEqual(trimmed(await terminalLines(page)), before);
  assert.deepEqual(page.errors, []);
  await close(page);
});

test("Firefox: keys that are not letters arrive as a terminal sends them", { skip }, async () => {
  await node.create({ name: "keys-agent", program: "sh", args: ["-c", "stty raw -echo; printf 'ready\\r\\n'; exec cat -v"] });
  const page = await openPage();
  await openAgent(page, "keys-agent");
  await waitFor("ready", async () => (await terminalText(page)).includes("ready"));
  await focusTerminal(page);
  for (const key of ["ArrowUp", "Tab", "Escape", "Backspace", "Delete", "F5"]) await page.keyboard.press(key);
  await page.keyboard.down("Control");
  await page.keyboard.press("KeyC");
  await page.keyboard.up("Control");
  await page.keyboard.type("ü€");
  await waitFor("all keys", async () => (await terminalText(page)).replaceAll(/\s+/g, "").includes("^[[A^[^?^[[3~^[[15~^CM-CM-<M-bM-^BM-,"));
  await close(page);
});

test("Firefox: what is pasted arrives whole and in its brackets", { skip }, async () => {
  const script = "stty raw -echo; printf '\\033[?2004hready\\r\\n'; exec cat -v";
  await node.create({ name: "paste-target", program: "sh", args: ["-c", script] });
  const page = await openPage();
  await openAgent(page, "paste-target");
  await waitFor("ready", async () => (await terminalText(page)).includes("ready"));
  await focusTerminal(page);
  // The clipboard of a browser without a window is its own.
  await page.evaluate(() => navigator.clipboard.writeText("first line\nsecond line"));
  await page.keyboard.down("Control");
  await page.keyboard.press("KeyV");
  await page.keyboard.up("Control");
  await waitFor("the paste", async () => (await terminalText(page)).includes("^[[200~first line^Msecond line^[[201~"));
  await close(page);
});

test("Firefox: an agent is created in the dialog and worked in", { skip }, async () => {
  const page = await openPage();
  await click(page, id("create-button"));
  await page.locator(id("create-name")).fill("customers-zoom-backend");
  await click(page, id("preset-shell"));
  await page.locator(id("create-directory")).fill("/tmp");
  await click(page, id("create-submit"));
  await page.waitForSelector(id("terminal-host"));
  await waitFor("a prompt", async () => (await terminalText(page)).trim().length > 0);
  await focusTerminal(page);
  await page.keyboard.type("echo $((40+2))-$PWD");
  await page.keyboard.press("Enter");
  await waitFor("the answer", async () => (await terminalText(page)).includes("42-/tmp"));
  await waitUntilEqual(page, node, "customers-zoom-backend");
  if (process.env.CONSORT_SCREENSHOTS) await page.screenshot({ path: join(process.env.CONSORT_SCREENSHOTS, "firefox-desktop.png") });
  assert.deepEqual(page.errors, []);
  await close(page);
});

test("Firefox: the phone's layout fits its screen, and an agent is opened and typed into there", { skip }, async () => {
  const agent = await node.create({ name: "phone-agent", program: "cat" });
  const phone = await launch(TOUCH);
  try {
    const page = await openPage(PHONE, phone);
    const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok((await sideways()) <= 0, "the start page does not scroll sideways");
    await page.goto(`${node.origin}/#/agent/${agent.id}`);
    await page.waitForSelector(id("key-bar"));
    await page.waitForSelector(`${id("terminal-host")} .xterm-screen`);
    assert.ok((await sideways()) <= 0, "nor does a terminal");
    const screen = await (await page.$(`${id("terminal-host")} .xterm-screen`)).boundingBox();
    await page.touchscreen.tap(screen.x + screen.width / 2, screen.y + screen.height / 2);
    await page.keyboard.type("from the phone");
    await waitFor("the echo", async () => (await terminalText(page)).includes("from the phone"));
    if (process.env.CONSORT_SCREENSHOTS) await page.screenshot({ path: join(process.env.CONSORT_SCREENSHOTS, "firefox-phone.png") });
    assert.deepEqual(page.errors, []);
  } finally {
    await phone.close();
  }
});
