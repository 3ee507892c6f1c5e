// Phones and narrow windows: everything fits, can be hit with a finger, and is said where one looks.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, terminalText, TestNode, waitFor } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const LANDSCAPE = { ...PHONE, viewport: { width: 844, height: 390 } };
const FINGER_PX = 44;

let browser;
let node;
let asks;
let diff;

/** A program that shows a question in a frame that is wider than any phone. */
function framed(lines, width = 98) {
  const edge = "─".repeat(width - 2);
  const text = [`╭${edge}╮`, ...lines.map((line) => `│ ${line.padEnd(width - 4)} │`), `╰${edge}╯`].join("\n");
  const file = join(node.folder, `question-${Math.random()}`);
  // As programs do that draw a menu, it hides the cursor.
  writeFileSync(file, `\x1b[?25l${text}\n`);
  return ["-c", `cat '${file}'; exec cat`];
}

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode("a-machine-with-a-rather-long-name").start();
  const command = "rm -rf build && cargo build --release --target x86_64-unknown-linux-musl && scp app prod:/srv";
  asks = await node.create({ name: "customers-zoom-asks", program: "sh", cols: 100, rows: 30, args: framed(["Bash command", "", `  ${command}`, "", "Do you want to proceed?", "❯ 1. Yes", "  2. No"]) });
  const lines = Array.from({ length: 60 }, (_, at) => `${at + 1} + changed line ${at + 1}`);
  diff = await node.create({ name: "customers-zoom-diff", program: "sh", cols: 100, rows: 24, args: framed(["Edit file", ...lines, "Do you want to make this edit?", "❯ 1. Yes", "  2. No"]) });
  await node.create({ name: `long-${"averyveryverylongsegment".repeat(3)}`, program: "cat" });
  node.tmux("new-session", "-d", "-s", "wide-and-split", "-x", "200", "-y", "50", "cat");
  node.tmux("split-window", "-h", "-t", "wide-and-split", "cat");
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

const open = (page, id) => page.goto(`${node.origin}/#/agent/${id}`);
const live = (page) => page.locator('[data-testid="terminal"][data-phase="live"]').first().waitFor();

/** What can be scrolled sideways by itself. */
const SIDEWAYS = ".terminal-space, .tabs, .command, .terminal-text, .key-bar";

/** Everything that is wider than the window, or lies outside of it. */
const tooWide = (page, width) =>
  page.evaluate(
    ([wide, sideways]) => {
      const name = (element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class")}`;
      const found = document.documentElement.scrollWidth > wide ? [`the page: ${document.documentElement.scrollWidth}`] : [];
      for (const element of document.body.querySelectorAll("*")) {
        const within = element.parentElement.closest(sideways);
        const box = element.getBoundingClientRect();
        // What is too long ends with an ellipsis there.
        if (element.parentElement.closest("bdi, .crumb-text") !== null || getComputedStyle(element.parentElement).textOverflow === "ellipsis") continue;
        if (within !== null || box.width < 2 || box.height < 2 || element.closest(".visually-hidden") !== null) continue;
        if (box.right > wide + 1 || box.left < -1) found.push(`${name(element)}: ${Math.round(box.left)} to ${Math.round(box.right)}`);
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
        if (scrolls && !element.matches(sideways) && element.scrollWidth > element.clientWidth + 1) found.push(`${name(element)} scrolls sideways: ${element.scrollWidth} in ${element.clientWidth}`);
      }
      return found;
    },
    [width, SIDEWAYS],
  );

/** Controls that a finger would miss. */
const tooSmall = (page) =>
  page.evaluate((least) => {
    const controls = [...document.querySelectorAll("button, input:not([type=radio]), select, summary")];
    return controls.flatMap((control) => {
      // What is pressed is the label around a box, and the field around a button in it.
      const target = control.type === "checkbox" ? control.closest("label") : control;
      const { width, height } = target.getBoundingClientRect();
      const shown = width > 1 && height > 1 && control.closest(".visually-hidden, [hidden], .xterm") === null;
      return shown && (width < least - 0.5 || height < least - 0.5) ? [`${control.getAttribute("aria-label") ?? control.textContent}: ${width}×${height}`] : [];
    });
  }, FINGER_PX);

/** Every page, and every dialog that leads nowhere by itself. */
async function everywhere(page, seen) {
  const home = async () => {
    await page.goto(`${node.origin}/#/`);
    await page.getByTestId("waiting-card").filter({ has: page.getByTestId("question") }).nth(1).waitFor();
  };
  const dialog = async (name, opened) => {
    await opened();
    await page.locator("dialog[open]").waitFor();
    await seen(name);
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
  };
  await home();
  await seen("start");
  await dialog("settings", () => page.getByTestId("settings-button").click());
  await dialog("help", () => page.keyboard.press("?"));
  await dialog("switch", () => page.keyboard.press("Control+Shift+K"));
  await dialog("create", () => page.getByTestId("create-button").click());
  const tabs = page.getByTestId("phone-tabs");
  if ((await tabs.count()) > 0) {
    await tabs.getByText("All agents").click();
    await page.getByTestId("tree-row").first().waitFor();
    await seen("list");
    await tabs.getByText("Start").click();
  }
  await page.getByTestId("machines-button").click();
  await page.getByTestId("machine").first().waitFor();
  await seen("machines");
  await dialog("invite", () => page.getByTestId("invite-button").click());
  await dialog("join", () => page.getByTestId("join-button").click());
  const agents = (await node.request("GET", "/api/agents")).body.agents;
  for (const { id, name } of agents) {
    await open(page, id);
    await live(page);
    await seen(name);
  }
  await dialog("text", () => page.getByTestId("show-text").first().click());
  await page.getByTestId("details-toggle").click();
  await page.getByTestId("details").waitFor();
  await seen("details");
  await dialog("delete", () => page.getByTestId("agent-delete").first().click());
  await page.getByTestId("details-toggle").click();
}

test("nothing on any page or in any dialog is wider than the window", async () => {
  const wrong = [];
  for (const [options, widths] of [[PHONE, [320, 360, 390]], [LANDSCAPE, [667, 844]], [{}, [768, 900, 1000, 1100, 1280]]]) {
    const page = await openPage(browser, node, options);
    await everywhere(page, async (where) => {
      for (const width of widths) {
        await page.setViewportSize({ width, height: options.viewport?.height ?? 800 });
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        for (const what of await tooWide(page, width)) wrong.push(`${where}, ${width}: ${what}`);
      }
    });
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
  assert.deepEqual(wrong, []);
});

test("everything on a phone is large enough for a finger", async () => {
  const wrong = [];
  for (const options of [PHONE, { ...PHONE, viewport: { width: 320, height: 640 } }, LANDSCAPE]) {
    const page = await openPage(browser, node, options);
    await everywhere(page, async (where) => wrong.push(...(await tooSmall(page)).map((what) => `${where}, ${options.viewport.width}: ${what}`)));
    await page.context().close();
  }
  assert.deepEqual([...new Set(wrong)], []);
});

test("a phone on its side shows at least 18 rows of letters that can be read, and all keys", async () => {
  const page = await openPage(browser, node, LANDSCAPE);
  await open(page, asks.id);
  await live(page);
  const shown = await page.locator('[data-testid="terminal"]').evaluate((space) => {
    const { options, rows } = space.querySelector(".terminal-host").consortTerminal;
    const line = space.querySelector(".xterm-screen").getBoundingClientRect().height / rows;
    return { rows: Math.floor((space.clientHeight - 10) / line), fontPx: options.fontSize, width: space.clientWidth };
  });
  assert.ok(shown.rows >= 18 && shown.fontPx >= 11, JSON.stringify(shown));
  assert.ok(shown.width > 700, "the list is not beside it");
  const keys = await page.getByTestId("key-bar").getByRole("button").evaluateAll((all) => all.map((key) => key.getBoundingClientRect().toJSON()));
  assert.equal(new Set(keys.map(({ top }) => top)).size, 1, "one row");
  await page.getByTestId("take-size").click();
  await page.getByTestId("release-size").waitFor();
  await page.context().close();
});

test("Back closes what lies over the page, topmost first, before it leaves the page", async () => {
  const page = await openPage(browser, node, PHONE);
  await page.getByTestId("waiting-card").first().waitFor();
  await open(page, asks.id);
  await live(page);
  const address = page.url();
  await page.getByTestId("details-toggle").click();
  await page.getByTestId("details").waitFor();
  await page.getByTestId("agent-delete").first().click();
  await page.locator("dialog[open]").waitFor();
  await page.goBack();
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  assert.ok(await page.getByTestId("details").isVisible());
  await page.goBack();
  await page.getByTestId("details").waitFor({ state: "detached" });
  assert.equal(page.url(), address);
  await page.getByTestId("show-text").click();
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.goBack();
  await waitFor("the start page", () => !page.url().includes("/agent/"));
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("a card shows the whole question without its frame, wrapped, and counts what it leaves out", async () => {
  for (const options of [PHONE, {}]) {
    const page = await openPage(browser, node, options);
    const card = page.locator(`[data-testid="waiting-card"][data-agent-id="${asks.id}"]`);
    await waitFor("the command", async () => (await card.getByTestId("question").innerText()).includes("scp app prod:/srv"));
    const question = await card.getByTestId("question").innerText();
    assert.ok(question.startsWith("Bash command"), question);
    assert.ok(!/[│╭─]/.test(question), question);
    const long = page.locator(`[data-testid="waiting-card"][data-agent-id="${diff.id}"]`);
    // The frame's upper edge and the title have scrolled away.
    await waitFor("the edit", async () => (await long.getByTestId("question-more").innerText()) === "Show 24 more lines above");
    assert.ok(!(await long.getByTestId("question").innerText()).includes("Edit file"));
    await long.getByTestId("question-more").click();
    assert.match(await long.getByTestId("question").innerText(), /Edit file\n1 \+ changed line 1\n/);
    await page.context().close();
  }
});

test("two fingers make the letters of a terminal larger, whose size says the footer", async () => {
  const page = await openPage(browser, node, PHONE);
  await open(page, asks.id);
  await live(page);
  const letters = () => page.locator('[data-testid="terminal"]').evaluate((space) => space.querySelector(".terminal-host").consortTerminal.options.fontSize);
  const middle = page.getByTestId("font-reset");
  await waitFor("readable letters", async () => (await letters()) === 11 && (await middle.innerText()) === "11");
  const { x, y, width, height } = await page.getByTestId("terminal").boundingBox();
  const devtools = await page.context().newCDPSession(page);
  const fingers = (type, apart) => devtools.send("Input.dispatchTouchEvent", {
    type,
    touchPoints: apart === null ? [] : [-1, 1].map((side, id) => ({ id, x: x + width / 2 + (side * apart) / 2, y: y + height / 4 })),
  });
  await fingers("touchStart", 80);
  for (const apart of [100, 120, 140, 160]) await fingers("touchMove", apart);
  await fingers("touchEnd", null);
  await waitFor("larger letters", async () => (await letters()) > 20);
  assert.equal(await middle.innerText(), String(Math.round(await letters())));
  await middle.click();
  await waitFor("all of it", async () => (await middle.innerText()) === "All" && (await letters()) < 8);
  await page.context().close();
});

test("files that are dropped on the page do not replace it", async () => {
  const file = join(node.folder, "dropped.txt");
  writeFileSync(file, "dropped");
  const page = await openPage(browser, node);
  await open(page, asks.id);
  await live(page);
  const devtools = await page.context().newCDPSession(page);
  for (const selector of ['[data-testid="tree"]', '[data-testid="terminal"]']) {
    const { x, y, width, height } = await page.locator(selector).boundingBox();
    const data = { items: [], files: [file], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) await devtools.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + height / 2, data });
    const notice = page.getByTestId("notice");
    await notice.waitFor();
    assert.match(await notice.innerText(), /not sent[^]*scp/i);
    await notice.getByRole("button", { name: "Dismiss" }).click();
    await notice.waitFor({ state: "detached" });
  }
  assert.ok(page.url().startsWith(node.origin));
  assert.ok(await page.getByTestId("tree").isVisible());
  await page.context().close();
});

test("where one may only look, typing says so at the terminal", async () => {
  const guest = await new TestNode("guest").start();
  try {
    const { code } = (await node.request("POST", "/api/invite", { rights: "view" })).body;
    assert.equal((await guest.request("POST", "/api/join", { target: code })).status, 200);
    const agent = await node.create({ name: "only-to-look", program: "cat" });
    const far = await waitFor("the agent", async () => (await guest.request("GET", "/api/agents")).body.agents.find(({ name }) => name === agent.name));
    for (const options of [{}, PHONE]) {
      const page = await openPage(browser, guest, options);
      await page.goto(`${guest.origin}/#/agent/${encodeURIComponent(far.id)}`);
      await live(page);
      assert.equal(await page.getByTestId("may-not-type").count(), 0);
      await page.getByTestId("terminal-host").first().click();
      await page.keyboard.press("Control+Shift+F");
      await page.keyboard.press("Escape");
      assert.equal(await page.getByTestId("may-not-type").count(), 0, "no key for the program");
      await page.getByTestId("terminal-host").first().click();
      await page.keyboard.type("x");
      const said = page.getByTestId("may-not-type");
      await said.waitFor();
      assert.match(await said.innerText(), /may only look[^]*a-machine-with-a-rather-long-name/);
      const [note, space] = [await said.boundingBox(), await page.getByTestId("terminal").boundingBox()];
      assert.ok(note.y > space.y && note.y + note.height <= space.y + space.height, "in the terminal");
      assert.ok(!(await terminalText(page)).includes("x"));
      if (options !== PHONE) {
        await page.getByTestId("explain-button").focus();
        await page.keyboard.press("s");
        const dialog = page.getByTestId("prompt-dialog");
        await dialog.getByTestId("prompt-text").fill("x");
        assert.match(await dialog.innerText(), /can only view the agents of a-machine-with-a-rather-long-name/);
        assert.equal(await dialog.locator(".button-row button:enabled").count(), 1, "only Close");
      }
      await page.context().close();
    }
  } finally {
    await guest.stop();
  }
});

test("the on-screen keyboard covers a terminal and does not resize it", async () => {
  const agent = await node.create({ name: "under-a-keyboard", program: "cat" });
  const page = await openPage(browser, node, PHONE);
  // No browser without a screen has such a keyboard: what it does to the page is done by hand.
  await page.addInitScript(() => {
    const real = window.visualViewport;
    const fake = Object.assign(new EventTarget(), { height: real.height, width: real.width, scale: 1, offsetTop: 0, offsetLeft: 0, pageTop: 0, pageLeft: 0 });
    Object.defineProperty(window, "visualViewport", { value: fake });
  });
  await page.reload();
  await open(page, agent.id);
  await live(page);
  await page.getByTestId("take-size").click();
  const size = async () => {
    const [terminal] = (await node.request("GET", `/api/agents/${agent.id}`)).body.agent.terminals;
    return `${terminal.cols}x${terminal.rows}`;
  };
  await waitFor("the phone's size", async () => (await size()) !== "80x24");
  const before = await size();
  const keyboard = (px) =>
    page.evaluate((covered) => {
      visualViewport.height = innerHeight - covered;
      visualViewport.dispatchEvent(new Event("resize"));
    }, px);
  await keyboard(320);
  await page.getByTestId("terminal-host").first().click();
  await page.keyboard.type("typed");
  await waitFor("the echo", async () => (await terminalText(page)).includes("typed"));
  await waitFor("the keys above the keyboard", async () => {
    const { y, height } = await page.getByTestId("key-bar").boundingBox();
    return y + height <= 844 - 320;
  });
  // Longer than a new size is waited for before it is asked for.
  await page.waitForTimeout(400);
  assert.equal(await size(), before);
  await keyboard(0);
  await page.waitForTimeout(400);
  assert.equal(await size(), before);
  await page.context().close();
});

test("the key bar offers the choices that the agent has, and no answers if it asks nothing", async () => {
  const file = join(node.folder, "picked");
  const lines = ["Bash command", "", "  touch a", "", "Do you want to proceed?", "❯ 1. Yes", "  2. Yes, and don't ask again for touch commands in this folder", "  3. No, and tell it what to do differently"];
  const script = `stty -icanon -echo; printf '\\033[?25l'; printf '%s\\n' "$@"; head -c 1 > ${file}; printf '\\033[H\\033[2J'; stty sane; exec sleep 1000`;
  const agent = await node.create({ name: "customers-zoom-picks", directory: "/tmp", program: "sh", cols: 80, rows: 24, args: ["-c", script, "sh", "────────────────────────", ...lines] });
  const page = await openPage(browser, node, PHONE);
  await open(page, agent.id);
  await live(page);
  const bar = page.getByTestId("key-bar");
  const choices = bar.getByTestId("choice");
  await choices.nth(2).waitFor();
  assert.deepEqual((await choices.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim()), ["1 Yes", `2 ${lines[6].slice(5)}`, `3 ${lines[7].slice(5)}`]);
  for (const choice of await choices.all()) assert.ok((await choice.boundingBox()).height >= FINGER_PX);
  if (process.env.CONSORT_PICTURES) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(process.env.CONSORT_PICTURES, `key-bar-${colorScheme}.png`) });
      await page.setViewportSize(LANDSCAPE.viewport);
      await page.screenshot({ path: join(process.env.CONSORT_PICTURES, `key-bar-side-${colorScheme}.png`) });
      await page.setViewportSize(PHONE.viewport);
    }
  }
  // What is asked on another machine's screen by now is not answered.
  await page.route("**/answer", (route) => route.fulfill({ status: 409, json: { error: { code: "question-changed", message: "The question has changed. It asks now: “Other?”.", hint: "" } } }));
  await choices.nth(0).tap();
  const notice = page.getByTestId("notice");
  await notice.filter({ hasText: "Not answered." }).waitFor();
  assert.match(await notice.innerText(), /It asks now: “Other\?”/);
  await page.unroute("**/answer");
  await choices.nth(2).tap();
  await waitFor("the answer", () => existsSync(file) && readFileSync(file, "utf8") === "3");
  await bar.getByTestId("key-answers").waitFor({ state: "detached" });
  const keys = (await bar.getByRole("button").allInnerTexts()).map((text) => text.trim());
  assert.ok(keys.includes("Esc") && !keys.some((text) => ["y", "n", "1", "2"].includes(text)), keys.join(" "));
  if (process.env.CONSORT_PICTURES) await page.screenshot({ path: join(process.env.CONSORT_PICTURES, "key-bar-none.png") });
  assert.deepEqual(page.errors, []);
  await page.context().close();
  await node.request("DELETE", `/api/agents/${agent.id}`);
});

test("an answer in words is written above the keyboard", async () => {
  const agent = await node.create({ name: "customers-zoom-words", directory: node.folder, program: "sh", args: ["-c", "printf 'What is the name of the branch? '; read answer; echo \"$answer\" > words; clear; exec sleep 1000"] });
  const page = await openPage(browser, node, PHONE);
  await open(page, agent.id);
  await live(page);
  const field = page.getByTestId("key-answers").getByRole("textbox");
  await field.waitFor();
  await field.fill("release-1");
  await page.keyboard.press("Enter");
  await waitFor("the words", () => existsSync(join(node.folder, "words")) && readFileSync(join(node.folder, "words"), "utf8") === "release-1\n");
  await page.context().close();
  await node.request("DELETE", `/api/agents/${agent.id}`);
});
