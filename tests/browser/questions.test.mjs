// Questions on the start page: whole, with their choices, answered by keys, and only if they are still asked.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launchBrowser, openPage, TestNode, waitFor } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let browser;
let node;
let page;

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode("desk").start();
  page = await openPage(browser, node, { viewport: { width: 1280, height: 800 } });
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

/** An agent that shows dialogs, one after the other: each takes one key, which it writes to a file, and then rests. */
async function asks(name, ...dialogs) {
  const shown = dialogs.map((dialog) => `printf '\\033[H\\033[2J%b' '${dialog.join("\\n")}'; head -c 1 >> ${name}`).join("; ");
  const agent = await node.create({ name, directory: node.folder, program: "sh", args: ["-c", `stty -icanon -echo; ${shown}; printf '\\033[H\\033[2J'; stty sane; exec sleep 1000`] });
  await card(page, agent).getByTestId("choice").first().waitFor();
  return agent;
}

const menu = (question, ...labels) => ["────────────────────────────────", ...question, "", ...labels.map((label, at) => `${at === 0 ? "❯" : " "} ${at + 1}. ${label}`)];
const card = (of, agent) => of.locator(`[data-testid="waiting-card"][data-agent-id="${agent.id}"]`);
const answered = (name) => (existsSync(join(node.folder, name)) ? readFileSync(join(node.folder, name), "utf8") : "");
const isCurrent = async (agent) => (await card(page, agent).getAttribute("data-current")) === "true";

/** Presses a digit until something happens: digits do nothing while a card is new. */
async function press(key, what, condition) {
  await waitFor(what, async () => {
    if (await condition()) return true;
    await page.keyboard.press(key);
    await page.waitForTimeout(200);
    return condition();
  });
}

async function gone(...agents) {
  for (const agent of agents) await node.request("DELETE", `/api/agents/${agent.id}`);
  await waitFor("no cards", async () => (await page.getByTestId("waiting-card").count()) === 0);
}

test("a card shows the command whole, and a button for every choice with the words below it", async () => {
  const command = `rsync -av ./build/ deploy@prod.example.org:/srv/${"long-".repeat(30)}end`;
  const agent = await asks("whole", menu(["Bash command", "", `  ${command}`, "", "Do you want to proceed?"], "Yes\\n     Once only", "Yes, and do not ask again", "No, and say what to do instead"));
  await waitFor("its screen", async () => (await card(page, agent).getByTestId("question").innerText()).includes("Bash command"));
  const text = (await card(page, agent).getByTestId("question").innerText()).replaceAll(/\s/g, "");
  assert.ok(text.includes(command.replaceAll(/\s/g, "")), text);
  assert.ok(!text.includes("No,andsay"), "the menu is buttons");
  const labels = await card(page, agent).getByTestId("choice").allInnerTexts();
  assert.deepEqual(labels.map((label) => label.replaceAll(/\s+/g, " ").trim()), ["1 Yes Once only", "2 Yes, and do not ask again", "3 No, and say what to do instead"]);
  const phone = await openPage(browser, node, PHONE);
  await card(phone, agent).getByTestId("choice").first().waitFor();
  for (const choice of await card(phone, agent).getByTestId("choice").all()) {
    const { width, height } = await choice.boundingBox();
    assert.ok(width > 300 && height >= 44, `${width}x${height}`);
  }
  await card(phone, agent).getByTestId("choice").filter({ hasText: "do not ask again" }).tap();
  await waitFor("the answer", () => answered("whole") === "2");
  await phone.context().close();
  await gone(agent);
});

test("digits answer the marked card and go on to the next; j and k move; a card answered elsewhere has no buttons any more", async () => {
  const agents = [];
  for (const name of ["first", "second", "third"]) agents.push(await asks(name, menu(["Which one?"], "Apple", "Pear")));
  const [first, second, third] = agents;
  assert.ok(await isCurrent(first));
  await page.keyboard.press("j");
  assert.ok(await isCurrent(second));
  await page.keyboard.press("k");
  await page.keyboard.press("k");
  assert.ok(await isCurrent(first), "k stops at the first");
  await press("2", "the first answer", () => answered("first") !== "");
  assert.equal(answered("first"), "2");
  assert.match(await card(page, first).getByTestId("answer-sent").innerText(), /Sent\s+Pear/);
  assert.ok(await isCurrent(second), "answer and next");
  await page.keyboard.press("1");
  await waitFor("the second answer", () => answered("second") === "1");
  node.consort("answer", "third", "2");
  await card(page, third).getByTestId("choice").first().waitFor({ state: "detached" });
  await waitFor("it is gone", async () => (await page.getByTestId("waiting-card").count()) === 0);
  assert.equal(answered("third"), "2");
  await gone(...agents);
});

test("the next question of an agent shows at once, and what was meant for the one before does not answer it", async () => {
  const agent = await asks("twice", menu(["Delete the old data?"], "Yes", "No"), menu(["Delete all backups?"], "Yes", "No"));
  // The page still shows the first question when the second has taken its place.
  let send;
  await page.route("**/answer", async (route) => {
    await new Promise((done) => (send = done));
    await route.continue();
  });
  await card(page, agent).getByTestId("choice").filter({ hasText: "Yes" }).click();
  await waitFor("the answer on its way", () => send !== undefined);
  node.consort("answer", "twice", "2");
  await waitFor("the second question", async () => (await card(page, agent).getByTestId("question").innerText()).includes("backups"));
  send();
  const refused = card(page, agent).getByTestId("answer-refused");
  await refused.waitFor();
  assert.match(await refused.innerText(), /^Not answered\. The question has changed\. It asks now: “Delete all backups\?”/);
  assert.equal(answered("twice"), "2");
  await page.unroute("**/answer");
  const no = card(page, agent).getByTestId("choice").filter({ hasText: "No" });
  await no.click();
  assert.equal(answered("twice"), "2", "whoever clicks just then has read the question before");
  await waitFor("its own answer", async () => {
    if ((await no.count()) > 0) await no.click();
    return answered("twice") === "22";
  });
  await gone(agent);
});

// Claude Code, as tests/agents/install.sh installs it.
const root = fileURLToPath(new URL("../..", import.meta.url));
const [claudeVersion] = Object.values(JSON.parse(readFileSync(join(root, "tests/agents/claude/package.json"), "utf8")).dependencies);
const processor = process.arch === "arm64" ? "arm64" : "x64";
const claude = join(root, "target/agents/claude", claudeVersion, `node_modules/@anthropic-ai/claude-code-${process.platform}-${processor}/claude`);

test("what a real program asks on another machine is on the start page and the phone, and one key answers it", { skip: !existsSync(claude) && "Claude Code is not installed" }, async () => {
  const far = await new TestNode("far").start();
  try {
    const { code } = (await node.request("POST", "/api/invite", {})).body;
    assert.equal((await far.request("POST", "/api/join", { target: code })).status, 200);
    const [home, work] = ["home", "work"].map((name) => join(far.folder, name));
    const settings = join(home, ".claude.json");
    for (const folder of [home, work]) mkdirSync(folder);
    const projects = { [work]: { hasTrustDialogAccepted: false, hasCompletedProjectOnboarding: true } };
    writeFileSync(settings, JSON.stringify({ hasCompletedOnboarding: true, theme: "dark", autoUpdates: false, lastOnboardingVersion: "99.0.0", projects }));
    const env = { HOME: home, CLAUDE_CONFIG_DIR: home, ANTHROPIC_BASE_URL: "http://127.0.0.1:9", ANTHROPIC_AUTH_TOKEN: "test", DISABLE_AUTOUPDATER: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
    await far.create({ name: "asks-afar", program: claude, directory: work, env });
    const asked = (of) => of.getByTestId("waiting-card").filter({ hasText: "asks-afar" });
    const choices = async (of) => (await asked(of).getByTestId("choice").allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim());
    await asked(page).getByTestId("choice").first().waitFor();
    const phone = await openPage(browser, node, PHONE);
    await asked(phone).getByTestId("choice").first().waitFor();
    assert.deepEqual(await choices(page), ["1 Yes, I trust this folder", "2 No, exit"]);
    assert.deepEqual(await choices(phone), await choices(page));
    await press("1", "the program's own note of the answer", () => JSON.parse(readFileSync(settings, "utf8")).projects[work].hasTrustDialogAccepted);
    for (const of of [page, phone]) await asked(of).waitFor({ state: "detached" });
    await phone.context().close();
  } finally {
    await far.stop();
  }
});

test("a question in words is answered in words", async () => {
  const agent = await node.create({ name: "words", directory: node.folder, program: "sh", args: ["-c", "printf 'What is the name of the branch? '; read answer; echo \"$answer\" > words; clear; exec sleep 1000"] });
  await card(page, agent).getByTestId("answer-text").waitFor();
  await press("1", "the field", () => page.evaluate(() => document.activeElement.matches("article input")));
  await page.keyboard.type("release-1");
  await page.keyboard.press("Enter");
  await waitFor("the words", () => answered("words") === "release-1\n");
  assert.deepEqual(page.errors, []);
  await gone(agent);
});

test("a text for an agent that works is queued, changed, taken back, or sent now; the rest is sent once it is idle", async () => {
  const stop = join(node.folder, "stop");
  const works = await node.create({ name: "works", directory: node.folder, program: "sh", args: ["-c", "while [ ! -e stop ]; do echo busy; sleep 0.1; done; echo resting; exec cat > got"] });
  await page.goto(`${node.origin}/#/agent/${works.id}`);
  await waitFor("it works", async () => (await page.getByTestId("agent-state").getAttribute("data-state")) === "working");
  await page.getByTestId("explain-button").focus();
  await page.keyboard.press("s");
  const dialog = page.getByTestId("prompt-dialog");
  const texts = dialog.getByTestId("queued-text");
  for (const text of ["first text", "second text"]) {
    await dialog.getByTestId("prompt-text").fill(text);
    await page.keyboard.press("Control+Enter");
    await texts.filter({ hasText: text }).waitFor();
  }
  assert.equal(await dialog.getByTestId("prompt-now").innerText(), "Send now");
  await texts.filter({ hasText: "first" }).getByTestId("queued-edit").click();
  await dialog.getByTestId("queued-draft").fill("first text, changed");
  await dialog.getByTestId("queued-save").click();
  await texts.filter({ hasText: "first text, changed" }).waitFor();
  await texts.filter({ hasText: "second" }).getByTestId("queued-cancel").click();
  await texts.filter({ hasText: "second" }).waitFor({ state: "detached" });
  if (process.env.CONSORT_PICTURES) await page.screenshot({ path: join(process.env.CONSORT_PICTURES, "prompt.png") });
  await page.keyboard.press("Escape");
  await waitFor("the header", async () => (await page.getByTestId("queued-button").innerText()) === "1 text queued");
  writeFileSync(stop, "");
  await waitFor("the text", () => answered("got") === "first text, changed\n");
  await page.getByTestId("queued-button").waitFor({ state: "detached" });
  await page.goto(`${node.origin}/#/`);
  await gone(works);
});

test("of several choices each click sets a mark, and the card stays until all are submitted", async () => {
  const [line, script] = ["────────────────────────", join(node.folder, "several.sh")];
  // As Claude Code asks: digits mark, Tab goes on.
  writeFileSync(script, `stty -icanon -echo; printf '\\033]2;✳ Claude Code\\007'; a=' '; b=' '
while :; do printf '\\033[?25l\\033[H\\033[2J%b' "${line}\\n☐ Checks\\n\\nWhich checks?\\n\\n❯ 1. [$a] Unit tests\\n  Fast\\n  2. [$b] Benchmarks\\n     Submit\\n\\nEnter to select · Esc to cancel"
  key=$(head -c 1; echo .); case "$key" in 1.) a='✔';; 2.) b='✔';; *) break;; esac
done; printf '\\033[H\\033[2J'; echo "$a$b" > several; exec sleep 1000\n`);
  const agent = await node.create({ name: "several", directory: node.folder, program: "sh", args: [script] });
  const choice = (words) => card(page, agent).getByTestId("choice").filter({ hasText: words });
  await choice("Go on with these").waitFor();
  await choice("Fast").waitFor();
  await choice("Benchmarks").click();
  await page.locator('[role="checkbox"][aria-checked="true"]').filter({ hasText: "Benchmarks" }).waitFor();
  assert.equal(await choice("Unit tests").getAttribute("aria-checked"), "false");
  await choice("Go on with these").click();
  await waitFor("what was chosen", () => answered("several") === " ✔\n");
  assert.deepEqual(page.errors, []);
  await gone(agent);
});
