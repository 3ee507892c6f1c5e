// The list of agents and what is reached from it, in a real browser with two machines.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const ASKS = ["-c", "printf '\\033[?25lDo you want to proceed?\\n❯ 1. Yes\\n  2. No\\n'; exec cat"];

let browser;
let node;
let peer;
let page;

before(async () => {
  browser = await launchBrowser();
  [node, peer] = await Promise.all(["desk", "server"].map((name) => new TestNode(name).start()));
  const { code } = (await node.request("POST", "/api/invite", {})).body;
  assert.equal((await peer.request("POST", "/api/join", { target: code })).status, 200);
  for (const name of ["zoo-ape", "zoo-bear"]) await node.create(cat(name));
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

test("the list is filtered by state; groups count who waits and works below them, also folded; a row says what is asked", async () => {
  const asks = await peer.create({ name: "roll-up-asks", directory: "/tmp", program: "sh", args: ASKS });
  await node.create({ name: "roll-up-works", directory: "/tmp", program: "sh", args: ["-c", "while :; do echo x; sleep 0.1; done"] });
  const id = (await waitFor("it is known here", () => named("roll-up-asks"))).id;
  await row(id).filter({ hasText: "Do you want to proceed?" }).waitFor();
  const group = page.locator('[data-testid="tree-row"][data-group-id="/roll/up"]');
  await waitFor("the counts", async () => (await group.getByTestId("count-waiting").count()) === 1 && (await group.getByTestId("count-working").count()) === 1);
  await group.click();
  await row(id).waitFor({ state: "detached" });
  assert.match(await group.innerText(), /1[^]*1[^]*2/);
  await page.getByTestId("state-chip-waiting").click();
  await row(id).waitFor();
  assert.deepEqual(await page.locator('[data-testid="tree-row"][data-agent-id]').evaluateAll((rows) => rows.map((each) => each.dataset.agentId)), [id]);
  await page.getByTestId("state-chip-waiting").click();
  await row((await named("zoo-ape")).id).waitFor();
  await group.click();
  // Why, with every signal, also of an agent of another machine.
  await openAgent(page, node, "roll-up-asks");
  await page.getByTestId("explain-button").click();
  const decisive = page.getByTestId("signal").filter({ hasText: "decides" });
  await decisive.waitFor();
  assert.match(await decisive.innerText(), /Screen[^]*Do you want to proceed/);
  await page.keyboard.press("Escape");
  await page.goto(`${node.origin}/#/`);
  await peer.request("DELETE", `/api/agents/${asks.id}`);
  await node.request("DELETE", `/api/agents/${(await named("roll-up-works")).id}`);
  await row(id).waitFor({ state: "detached" });
});

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
  await waitFor("both", async () => (await named("shared-name")) && (await named("mine-alone")));
  await page.getByTestId("create-button").click();
  await page.getByTestId("create-name").fill("shared-name");
  assert.match(await page.getByTestId("namesake-warning").innerText(), /on server.*shared-name@server/);
  await page.getByTestId("create-name").press("Enter");
  assert.equal(await focused(), "create-submit");
  assert.equal(await page.getByTestId("create-submit").innerText(), "Create anyway");
  assert.equal((await agents()).filter(({ name }) => name === "shared-name").length, 1, "nothing was created");
  await page.keyboard.press("Escape");

  await openAgent(page, node, "mine-alone");
  await page.getByTestId("rename-button").click();
  await page.getByTestId("rename-input").fill("shared-name");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "rename-anyway");
  assert.match(await page.getByTestId("namesake-warning").innerText(), /on server/);
  assert.equal((await named("mine-alone")).id, mine.id, "not yet");
  await page.keyboard.press("Enter");
  await waitFor("two of the same name", async () => (await agents()).filter(({ name }) => name === "shared-name").length === 2);
  await page.getByTestId("rename-input").waitFor({ state: "detached" });
});

test("the palette has one key inside and outside of terminals, previews agents and runs commands", async () => {
  await node.create({ name: "shows-itself", directory: "/tmp", program: "sh", args: ["-c", "echo look-at-me; exec cat"] });
  await openAgent(page, node, "shows-itself");
  await waitFor("its screen", async () => (await text()).includes("look-at-me"));
  const palette = page.getByTestId("quick-switch");
  const open = async () => {
    await page.keyboard.press("Control+Shift+K");
    await palette.waitFor();
  };
  await page.getByTestId("terminal-host").first().click();
  await open();
  await page.keyboard.press("Control+Shift+K");
  await palette.waitFor({ state: "detached" });
  await page.keyboard.type("back in it");
  await waitFor("the keyboard is back in the terminal", async () => (await text()).includes("back in it"));
  await page.keyboard.press("Control+Shift+E");
  await open();
  await page.keyboard.type("qqq");
  assert.equal(await palette.getByRole("option").count(), 0);
  await page.getByTestId("quick-switch-input").fill("shows");
  await waitFor("the preview", async () => (await page.getByTestId("preview").innerText()).includes("look-at-me"));
  await page.getByTestId("quick-switch-input").fill(">fold all");
  await page.keyboard.press("Enter");
  await waitFor("all folded", async () => (await page.locator('[role="treeitem"][aria-expanded="true"]').count()) === 0);
  await open();
  await page.keyboard.type(">unfold all");
  await page.keyboard.press("Enter");
  await open();
  await page.keyboard.type(">stop");
  assert.match(await palette.getByRole("option").first().innerText(), /Stop: shows-itself/);
  await page.keyboard.press("Enter");
  await page.getByTestId("interrupt-dialog").waitFor();
  await page.keyboard.press("Escape");
});

test("the filter gives back where one was", async () => {
  const bear = await named("zoo-bear");
  await row(bear.id).waitFor();
  await row(bear.id).focus();
  await page.keyboard.press("/");
  await page.keyboard.type("ape");
  await row(bear.id).waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await waitFor("the row again", () => page.evaluate((id) => document.activeElement?.dataset.agentId === id, bear.id));
  assert.equal(await page.getByTestId("filter").inputValue(), "");
});

test("a row has a menu by the right button, a key and a long press", async () => {
  const { id } = await named("zoo-ape");
  const menu = page.getByTestId("menu");
  await row(id).click({ button: "right" });
  assert.deepEqual(await menu.getByRole("menuitem").evaluateAll((items) => items.map((item) => item.dataset.command)),
    ["open", "rename", "restart", "stop", "tag", "send", "mute", "explain", "notes", "copy-name", "copy-link", "new", "select", "delete"]);
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  await row(id).focus();
  await page.keyboard.press("Shift+F10");
  await menu.waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByTestId("delete-dialog").waitFor();
  await page.keyboard.press("Escape");
  await row(id).focus();
  await page.keyboard.press("Shift+F10");
  await page.keyboard.press("t");
  await page.keyboard.press("Enter");
  await page.getByTestId("bulk-text").fill("#late, urgent");
  await page.keyboard.press("Enter");
  await waitFor("tags", async () => (await named("zoo-ape")).tags.join() === "late,urgent");

  const phone = await openPage(browser, node, PHONE);
  await phone.getByTestId("phone-tabs").getByText("All agents").click();
  const touch = await phone.context().newCDPSession(phone);
  const { x, y } = await phone.locator(`[data-agent-id="${id}"]`).boundingBox();
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + 60, y: y + 20 }] });
  await phone.getByTestId("menu").waitFor();
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await phone.getByTestId("menu").getByText("Select").tap();
  const other = (await named("zoo-bear")).id;
  await phone.locator(`[data-agent-id="${other}"]`).tap();
  assert.match(await phone.getByTestId("selection-bar").innerText(), /2 agents selected/);
  assert.ok(!phone.url().includes("agent"), "nothing was opened");
  await phone.context().close();
});

test("what is done to several says what it would do, asks, and types into no question unasked", async () => {
  const asking = await node.create({ name: "zoo-asks", directory: "/tmp", program: "sh", args: ASKS });
  await waitFor("its question", async () => (await named("zoo-asks")).state.kind === "waiting");
  const [ape, bear] = [await named("zoo-ape"), await named("zoo-bear")];
  await row(asking.id).waitFor();
  await row(ape.id).click({ modifiers: ["Control"] });
  await row(bear.id).click({ modifiers: ["Shift"] });
  assert.match(await page.getByTestId("selection-bar").innerText(), /3 agents selected/);
  await page.getByTestId("selected-send").click();
  await page.getByTestId("bulk-text").fill("hello all");
  const entry = (id) => page.getByTestId("bulk-dialog").locator(`li[data-agent-id="${id}"]`);
  assert.match(await entry(asking.id).innerText(), /waits for an answer/);
  assert.equal(await page.getByTestId("bulk-run").innerText(), "Send to 2 agents");
  await page.getByTestId("bulk-run").click();
  await waitFor("the text in both", async () => ["zoo-ape", "zoo-bear"].every((name) => node.capture(name).includes("hello all")));
  assert.ok(!node.capture("zoo-asks").join().includes("hello"));
  await page.getByTestId("bulk-dialog").waitFor({ state: "detached" });

  await page.getByTestId("selected-send").click();
  await page.getByTestId("bulk-text").fill("2");
  await page.getByTestId("bulk-choose").check();
  await page.getByTestId("bulk-run").click();
  await waitFor("the text in all", async () => node.capture("zoo-asks").at(-1) === "2");

  await page.getByTestId("bulk-dialog").waitFor({ state: "detached" });
  await page.getByTestId("selected-stop").click();
  assert.match(await entry(ape.id).innerText(), /ends cat/);
  assert.ok((await named("zoo-ape")).running, "not before it is agreed to");
  await page.getByTestId("bulk-run").click();
  const dialog = page.getByTestId("bulk-dialog");
  const close = page.getByTestId("bulk-close");
  await waitFor("the results", async () => (await dialog.count()) === 0 || (await close.isVisible()));
  await waitFor("all stopped", async () => !(await agents()).some(({ name, running }) => name.startsWith("zoo") && running));
  if ((await dialog.count()) > 0) await close.click();

  // What fails is said beside the agent that it is about; the others go on.
  const lost = mkdtempSync(join(tmpdir(), "consort-lost-"));
  const broken = await node.create({ ...cat("zoo-broken"), directory: lost });
  await node.request("POST", `/api/agents/${broken.id}/stop`);
  rmSync(lost, { recursive: true });
  await row(broken.id).click({ modifiers: ["Control"] });
  await page.getByTestId("selected-start").click();
  await page.getByTestId("bulk-run").click();
  await waitFor("the result", async () => /✓ done/.test(await entry(ape.id).innerText()) && /director/.test(await entry(broken.id).innerText()));
  assert.ok((await named("zoo-ape")).running && !(await named("zoo-broken")).running);
  await page.getByTestId("bulk-close").click();
  await page.getByTestId("clear-selection").click();
  await page.getByTestId("selection-bar").waitFor({ state: "detached" });
});

test("a link opens an agent by its name, and says so when a name is not enough", async () => {
  const { id } = await named("shows-itself");
  const go = (hash) => page.evaluate((to) => { location.hash = to; }, hash);
  await go("#/agent/Shows-Itself");
  await waitFor("its id in the address", () => page.url().endsWith(`#/agent/${id}`));
  await go("#/agent/shared-name");
  const candidates = page.getByTestId("candidates").getByRole("button");
  assert.deepEqual((await candidates.allInnerTexts()).map((words) => words.match(/shared-name@\w+/)[0]), ["shared-name@desk", "shared-name@server"]);
  await go("#/agent/shared-name@server");
  await page.getByTestId("agent-view").waitFor();
  assert.match(page.url(), /%40|@/);
  await go("#/agent/shows-itsel");
  await page.getByTestId("unknown").waitFor();
  await page.getByTestId("candidates").getByText("shows-itself").click();
  await page.getByTestId("agent-view").waitFor();

  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: node.origin });
  await row(id).click({ button: "right" });
  await page.getByTestId("menu").getByText("Copy link").click();
  const link = await waitFor("the link", () => page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(link, `${node.origin}/#/agent/shows-itself?id=${encodeURIComponent(id)}`);
  await node.request("PATCH", `/api/agents/${id}`, { name: "another-name" });
  await go("#/");
  await page.goto(link);
  await waitFor("the same agent", async () => (await page.getByTestId("agent-name").innerText()).includes("name"));
  assert.deepEqual(page.errors, []);
});

test("a tooltip covers neither the terminal nor the row that it is about, however long the list", async () => {
  const tooltip = page.getByRole("tooltip");
  const check = async (id) => {
    await page.mouse.move(900, 400);
    await tooltip.waitFor({ state: "detached" });
    await row(id).hover();
    await tooltip.waitFor();
    const [box, about, list] = await Promise.all([tooltip.boundingBox(), row(id).boundingBox(), page.getByTestId("tree").boundingBox()]);
    assert.ok(box.x >= list.x && box.x + box.width <= list.x + list.width, "inside the list");
    assert.ok(box.y >= list.y - 1 && box.y + box.height <= list.y + list.height + 1, "inside the list");
    assert.ok(box.y >= about.y + about.height || box.y + box.height <= about.y, "not over its row");
  };
  const first = await named("another-name");
  await openAgent(page, node, "another-name");
  await check(first.id);
  await page.setViewportSize({ width: 1000, height: 420 });
  for (const name of ["zoo-ape", "another-name"]) {
    await row((await named(name)).id).scrollIntoViewIfNeeded();
    await check((await named(name)).id);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByTestId("agent-state").hover();
  assert.equal(await page.getByTestId("agent-state").getAttribute("title"), "", "what can be read in full is not said again");
  await page.setViewportSize({ width: 1280, height: 800 });
});

test("names in every script keep their order and are not cut", async () => {
  const names = ["עברית-שלום-סוכן2", "עברית-שלום-שרת", "عربي-مشروع-وكيل", "客户-项目-后端", "日本語-テスト", "한국어-에이전트", "ไทย-งาน", "ελληνικά-Straße-ÅÄÖ", "русский-агент"];
  for (const name of names) await node.create({ ...cat(name), notes: "הערה: abc" });
  const leaf = (id) => row(id).locator(".row-label bdi");
  const cases = await waitFor("all of them", async () => {
    const found = (await agents()).filter(({ name }) => names.includes(name));
    return found.length === names.length && found;
  });
  await row(cases[0].id).waitFor();
  for (const { id, name } of cases) {
    await row(id).scrollIntoViewIfNeeded();
    const label = await leaf(id).boundingBox();
    const lead = await row(id).locator(".row-lead bdi").evaluateAll((levels) => levels.map((level) => level.getBoundingClientRect().x));
    assert.deepEqual(lead, [...lead].sort((a, b) => a - b), `levels of ${name}`);
    assert.ok(lead.every((x) => x < label.x), `${name}: levels come before the agent`);
    const cut = await row(id).locator(".row-label").evaluate(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight + 1);
    assert.ok(!cut, `${name} is cut`);
  }
  const hebrew = await named("עברית-שלום-סוכן2");
  await openAgent(page, node, hebrew.name);
  const crumbs = await page.getByTestId("agent-name").locator("bdi").evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().x));
  assert.deepEqual(crumbs, [...crumbs].sort((a, b) => a - b));
  if (!(await page.getByTestId("notes").isVisible())) await page.getByTestId("details-toggle").click();
  assert.equal(await page.getByTestId("notes").evaluate((field) => getComputedStyle(field).direction), "rtl");
  if (process.env.CONSORT_PICTURES) await page.screenshot({ path: `${process.env.CONSORT_PICTURES}/scripts.png` });
  await page.getByTestId("details-toggle").click();
});

test("between 900 and 1100 px nothing of the list or the header is wider than its place", async () => {
  await node.create(cat("averyverylongcategory-averyverylongproject-averyverylongagentname"));
  await waitFor("it", () => named("averyverylongcategory-averyverylongproject-averyverylongagentname"));
  await openAgent(page, node, "averyverylongcategory-averyverylongproject-averyverylongagentname");
  const wide = () => page.evaluate(() =>
    [".sidebar-header", ".filter-row", ".tree", ".selection-bar", ".sidebar-footer", ".agent-header", ".terminal-footer", "body"].flatMap((selector) => {
      const element = document.querySelector(selector);
      if (!element) return [];
      const { right } = element.getBoundingClientRect();
      const children = [...element.querySelectorAll("button, .row, input")].filter((child) => child.checkVisibility());
      const out = children.filter((child) => child.getBoundingClientRect().right > right + 1).length;
      return element.scrollWidth > element.clientWidth + 1 || out > 0 ? [`${selector}: ${element.scrollWidth} in ${element.clientWidth}, ${out} outside`] : [];
    }));
  await page.locator('[role="treeitem"][data-agent-id]').first().click({ modifiers: ["Control"] });
  await page.getByTestId("details-toggle").click();
  for (const [width, sidebar] of [[900, 288], [1000, 200], [1100, 560], [1000, 288]]) {
    await page.evaluate((px) => document.querySelector(".shell").style.setProperty("--sidebar", `${px}px`), sidebar);
    await page.setViewportSize({ width, height: 700 });
    assert.deepEqual(await wide(), [], `${width} px, a list of ${sidebar} px`);
  }
  if (process.env.CONSORT_PICTURES) await page.screenshot({ path: `${process.env.CONSORT_PICTURES}/narrow.png` });
});
