// Everything that the dashboard can show, on a desktop and on a phone, light and dark: can be used by everybody, as far as axe finds out.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const source = (name) => readFileSync(resolve(import.meta.dirname, "../../web/ui/src", name), "utf8");
/** Set it to keep a picture of each. */
const pictures = process.env.CONSORT_PICTURES;

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let browser;
let node;
let peer;
let away;
let stranger;
let empty;
const ids = {};

// As programs do that draw a menu, it hides the cursor.
const ASKS = "printf '\\033[?25l> Add dark mode\\n\\nEdit src/theme.css\\n\\nDo you want to proceed?\\n❯ 1. Yes\\n  2. No\\n'; exec cat";

before(async () => {
  browser = await launchBrowser();
  [node, peer, away, stranger, empty] = await Promise.all(["desk", "server", "gone", "stranger", ""].map((name) => new TestNode(name).start()));
  const sh = (script) => ({ program: "sh", args: ["-c", script] });
  const create = async (key, agent) => (ids[key] = (await node.create({ directory: "/tmp", ...agent })).id);
  await create("waiting", { name: "customers-zoom-frontend", ...sh(`printf '\\033]2;Add dark mode\\007'; ${ASKS}`), notes: "Ask Ana first." });
  await create("idle", { name: "customers-zoom-backend", program: "cat" });
  await create("running", { name: "infra-ci-runner", ...sh("while :; do date; sleep 1; done") });
  await create("stopped", { name: "research-embeddings", program: "cat" });
  await create("link", { name: "link", backend: "pty", ...sh("printf '\\033]8;;https://evil.example/\\033\\\\https://bank.example/login\\033]8;;\\033\\\\\\n'; exec cat") });
  await create("ended", { name: "ended", ...sh("echo over; exit 3") });
  await node.request("POST", `/api/agents/${ids.stopped}/stop`);
  await node.request("PATCH", `/api/agents/${ids.idle}`, { tags: ["urgent"] });
  node.tmux("split-window", "-d", "-t", "=customers-zoom-backend:", "cat");
  node.tmux("new-session", "-d", "-s", "yours", "-c", "/tmp", "sh", "-c", "printf '\\033]2;✳ Claude Code\\007'; exec cat");
  await peer.create({ name: "customers-zoom-frontend", directory: "/tmp", ...sh(ASKS) });
  await peer.create({ name: "notes", directory: "/tmp", program: "cat" });
  await away.create({ name: "far-away", directory: "/tmp", ...sh(ASKS) });
  for (const other of [peer, away]) {
    const { code } = (await node.request("POST", "/api/invite", {})).body;
    assert.equal((await other.request("POST", "/api/join", { target: code })).status, 200);
  }
  assert.equal((await stranger.request("POST", "/api/join", { target: `127.0.0.1:${node.port}` })).status, 202);
  const agents = async () => (await node.request("GET", "/api/agents")).body.agents;
  await waitFor("all agents", async () => (await agents()).length === 10);
  ids.yours = (await agents()).find(({ name }) => name === "yours").id;
  await waitFor("questions", async () => (await agents()).filter(({ state }) => state.kind === "waiting").length === 3);
  await away.kill();
  await waitFor("a machine that is away", async () => (await node.request("GET", "/api/nodes")).body.nodes.some(({ reachable }) => !reachable));
});

after(async () => {
  await browser?.close();
  await Promise.all([node, peer, away, stranger, empty].map((each) => each?.stop()));
});

const row = (page, id) => page.locator(`[data-testid="tree-row"][data-agent-id="${id}"]`);
const click = (testid) => (page) => page.getByTestId(testid).first().click();
const key = (name) => (page) => page.keyboard.press(name);

const allAgents = (page, phone) => phone && page.getByTestId("phone-tabs").getByText("All agents").click();
const startTab = (page, phone) => phone && page.getByTestId("phone-tabs").getByText("Start").click();

/** What can be seen: where it is (an address), how it is opened from there, and what is there then. `phone: false`: not on a phone. */
const SCENES = {
  start: { shows: "[data-testid=waiting-card]" },
  "start-empty": { of: () => empty, shows: "[data-testid=empty-state]" },
  list: { do: allAgents, undo: startTab, shows: "[role=treeitem]" },
  "list-by-machine": { do: async (page, phone) => {
    await allAgents(page, phone);
    await page.getByTestId("grouping").getByText("Machines").click();
  }, undo: async (page, phone) => {
    await page.getByTestId("grouping").getByText("Categories").click();
    await startTab(page, phone);
  }, shows: "[role=treeitem]" },
  filter: { phone: false, do: async (page) => { await page.getByTestId("filter").fill("zoom"); }, undo: (page) => page.getByTestId("filter").fill(""), shows: "mark" },
  "filter-nothing": { phone: false, do: (page) => page.getByTestId("filter").fill("nothing like that"), undo: (page) => page.getByTestId("filter").fill(""), shows: ".tree-empty" },
  tooltip: { phone: false, do: (page) => row(page, ids.idle).hover(), shows: "[role=tooltip]" },
  agent: { at: () => `agent/${ids.waiting}`, shows: "[data-testid=terminal-host]" },
  "agent-details": { at: () => `agent/${ids.idle}`, do: click("details-toggle"), undo: (page) => page.getByRole("button", { name: "Close notes and details" }).click(), shows: "[data-testid=details]" },
  "agent-rename": { at: () => `agent/${ids.running}`, do: click("rename-button"), undo: key("Escape"), shows: "[data-testid=rename-input]" },
  "agent-search": { at: () => `agent/${ids.running}`, do: click("search-button"), undo: key("Escape"), shows: "[data-testid=search-bar]" },
  "agent-stopped": { at: () => `agent/${ids.stopped}`, shows: "[data-testid=stopped]" },
  "agent-ended": { at: () => `agent/${ids.ended}`, shows: "[data-testid=agent-view]" },
  "agent-unknown": { at: () => "agent/nobody", shows: ".home-card h1" },
  "agent-ambiguous": { at: () => "agent/customers-zoom-frontend", shows: "[data-testid=ambiguous]" },
  "menu-agent": { do: async (page, phone) => {
    await allAgents(page, phone);
    if (phone) await row(page, ids.idle).dispatchEvent("contextmenu");
    else await row(page, ids.idle).click({ button: "right" });
  }, undo: async (page, phone) => {
    await page.keyboard.press("Escape");
    await startTab(page, phone);
  }, shows: "[role=menu]" },
  "menu-group": { phone: false, do: (page) => page.locator(".row-group").first().click({ button: "right" }), undo: key("Escape"), shows: "[role=menu]" },
  selection: { do: async (page, phone) => {
    await allAgents(page, phone);
    await row(page, ids.idle).dispatchEvent("click", { ctrlKey: true });
    await row(page, ids.waiting).dispatchEvent("click", { ctrlKey: true });
  }, shows: "[data-testid=selection-bar]" },
  "dialog-bulk": { do: click("selected-send"), shows: "[data-testid=bulk-choose]" },
  "dialog-bulk-stop": { do: click("selected-stop"), undo: async (page, phone) => {
    await page.getByTestId("clear-selection").click();
    await startTab(page, phone);
  }, shows: "[data-testid=bulk-run]" },
  grid: { at: () => "grid/all/4", shows: '[data-testid=grid-terminal][data-phase="live"]' },
  "list-by-state": { do: async (page, phone) => {
    await allAgents(page, phone);
    await page.getByTestId("state-chip-waiting").click();
  }, undo: async (page, phone) => {
    await page.getByTestId("state-chip-waiting").click();
    await startTab(page, phone);
  }, shows: '[data-testid=state-chip-waiting][aria-pressed="true"]' },
  machines: { at: () => "machines", shows: "[data-testid=join-request]" },
  "dialog-create": { do: async (page) => {
    await page.getByTestId("create-button").click();
    await page.locator(".more summary").click();
    await page.getByTestId("create-name").fill("a b");
  }, shows: "[data-testid=create-name]" },
  "dialog-delete": { at: () => `agent/${ids.idle}`, do: async (page, phone) => {
    if (phone) await page.getByTestId("details-toggle").click();
    await page.getByTestId("agent-delete").click();
  }, undo: async (page, phone) => {
    await page.keyboard.press("Escape");
    if (phone) await page.getByTestId("details-toggle").click();
  }, shows: "[data-testid=delete-dialog]" },
  "dialog-interrupt": { at: () => `agent/${ids.idle}`, phone: false, do: click("agent-stop"), shows: "[data-testid=interrupt-dialog]" },
  "dialog-invite": { at: () => "machines", do: click("invite-button"), shows: "[data-testid=invite-dialog]" },
  "dialog-invite-made": { at: () => "machines", do: async (page) => {
    await page.getByTestId("invite-button").click();
    await page.getByTestId("make-invite").click();
  }, shows: "[data-testid=invite]" },
  "dialog-join": { at: () => "machines", do: click("join-button"), shows: "[data-testid=join-dialog]" },
  "dialog-remove-machine": { at: () => "machines", do: click("remove-machine"), shows: "[data-testid=remove-machine-dialog]" },
  "dialog-leave": { at: () => "machines", do: click("leave-mesh"), shows: "[data-testid=leave-dialog]" },
  "dialog-switch": { do: key("Control+Shift+K"), shows: "[data-testid=quick-switch]" },
  "dialog-help": { do: (page) => page.getByRole("button", { name: "Keyboard shortcuts" }).click(), shows: "[data-testid=help-dialog]" },
  "dialog-settings": { do: click("settings-button"), shows: "[data-testid=settings-dialog]" },
  "dialog-link": { at: () => `agent/${ids.link}`, do: async (page) => {
    const screen = await page.locator(".xterm-screen").boundingBox();
    await waitFor("the link", async () => (await terminalLines(page))?.[0]?.startsWith("https://bank"));
    await page.mouse.move(screen.x + 60, screen.y + 200);
    await page.mouse.move(screen.x + 60, screen.y + 6);
    await page.locator(".xterm-cursor-pointer").waitFor();
    await page.mouse.click(screen.x + 60, screen.y + 6);
  }, shows: "[data-testid=link-dialog]" },
  "dialog-explain": { at: () => `agent/${ids.waiting}`, do: click("explain-button"), shows: "[data-testid=signal]" },
  "details-found": { at: () => `agent/${ids.yours}`, do: click("details-toggle"), undo: (page) => page.getByRole("button", { name: "Close notes and details" }).click(), shows: "[data-testid=hooks-command]" },
  "dialog-adopt": { at: () => `agent/${ids.yours}`, do: async (page) => {
    await page.getByTestId("details-toggle").click();
    await page.getByTestId("adopt-button").click();
  }, undo: (page) => page.getByRole("button", { name: "Close notes and details" }).click(), shows: "[data-testid=adopt-command]" },
  "dialog-explain-hooks": { at: () => `agent/${ids.yours}`, do: click("explain-button"), shows: "[data-testid=hooks-command]" },
  "dialog-prompt": { at: () => `agent/${ids.waiting}`, do: async (page) => {
    await node.request("POST", `/api/agents/${ids.waiting}/queue`, { text: "and then commit" });
    await page.getByTestId("queued-button").click();
  }, shows: "[data-testid=queued-text]" },
  "dialog-text": { at: () => `agent/${ids.waiting}`, do: click("show-text"), shows: "[data-testid=text-dialog]" },
  login: { of: () => null, shows: "[data-testid=login-page]" },
};

async function violations(page, rules) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  return page.evaluate(async (only) => {
    const options = { resultTypes: ["violations"], rules: { "label-content-name-mismatch": { enabled: true } } };
    if (only) options.runOnly = only;
    // What a program prints has the colours that it chose.
    const { violations } = await window.axe.run({ exclude: [[".xterm-screen"]] }, options);
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, any, all }) => `${id}: ${html.slice(0, 160)} ${[...any, ...all].map(({ message }) => message).join("; ")}`));
  }, rules);
}

async function loggedOut(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(`${node.origin}/`);
  return page;
}

test("every dialog, page and menu of the sources is one of the scenes", () => {
  const kinds = [...source("ui/dialogs.tsx").matchAll(/^ {4}case "([a-z-]+)":/gm)].map(([, kind]) => `dialog-${kind}`);
  const pages = [...source("model/route.ts").match(/page\?: ([^;]+);/)[1].matchAll(/"([a-z-]+)"/g)].map(([, name]) => name);
  assert.ok(kinds.length > 10 && pages.length > 0);
  assert.deepEqual([...kinds, ...pages].filter((name) => !(name in SCENES)), []);
});

for (const [device, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`axe finds nothing on a ${device}, light and dark`, async () => {
    const found = new Map();
    const pages = new Map();
    for (const [name, scene] of Object.entries(SCENES)) {
      const phone = device === "phone";
      if (phone && scene.phone === false) continue;
      const of = scene.of ? scene.of() : node;
      if (!pages.has(of)) pages.set(of, of === null ? await loggedOut(options) : await openPage(browser, of, options));
      const page = pages.get(of);
      page.setDefaultTimeout(10_000);
      try {
        await page.emulateMedia({ colorScheme: "light" });
        if (of !== null) await page.evaluate((hash) => { location.hash = hash; }, `#/${scene.at?.() ?? ""}`);
        await scene.do?.(page, phone);
        await page.locator(scene.shows).first().waitFor();
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme });
          await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
          if (pictures) {
            mkdirSync(pictures, { recursive: true });
            await page.screenshot({ path: join(pictures, `${name}-${device}-${colorScheme}.png`) });
          }
          const problems = await violations(page, colorScheme === "dark" ? ["color-contrast"] : null);
          for (const problem of problems) found.set(problem, [...(found.get(problem) ?? []), `${name} ${colorScheme}`]);
        }
        if (await page.locator("dialog[open]").count()) await page.keyboard.press("Escape");
        await scene.undo?.(page, phone);
      } catch (error) {
        if (pictures) await page.screenshot({ path: join(pictures, "failed.png") });
        throw new Error(`${name} on a ${device}: ${error.message}`);
      }
    }
    for (const page of pages.values()) {
      assert.deepEqual(page.errors ?? [], []);
      await page.context().close();
    }
    assert.equal(found.size, 0, [...found].map(([problem, where]) => `${problem}\n    in ${where.join(", ")}`).join("\n"));
  });
}
