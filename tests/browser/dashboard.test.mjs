// The main job in a real browser: see what runs, create, work, leave, come back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, node, openAgent, openPage, startBrowserAndNode, terminalLines, terminalText, trimmed, waitFor, waitUntilEqual } from "./harness.mjs";

startBrowserAndNode();

test("the login link works once and the token leaves the address bar", async () => {
  const link = await node.freshLink();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  await page.getByTestId("connection-bar").waitFor();
  assert.ok(!page.url().includes("token"));
  await page.reload();
  await page.getByTestId("connection-bar").waitFor();
  const other = await (await browser.newContext()).newPage();
  await other.goto(link);
  await other.getByTestId("login-page").waitFor();
  await context.close();
  await other.context().close();
});

test("a session that runs already is in the tree and its terminal equals tmux's", async () => {
  node.tmux("new-session", "-d", "-s", "found-session", "-x", "100", "-y", "30", "sh -c 'seq 1 500; echo here; exec cat'");
  const page = await openPage(browser, node);
  await openAgent(page, node, "found-session");
  await waitFor("its screen", async () => (await terminalText(page)).includes("here"));
  await waitUntilEqual(page, node, "found-session");
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("an agent is created in the dialog, worked in, renamed, stopped, started and deleted", async () => {
  const page = await openPage(browser, node);
  await page.getByTestId("create-button").click();
  await page.getByTestId("create-name").fill("customers-zoom-backend");
  await page.getByTestId("preset-shell").click();
  await page.getByTestId("create-directory").fill("/tmp");
  await page.getByTestId("create-submit").click();
  await page.getByTestId("terminal-host").first().waitFor();
  await waitFor("a prompt", async () => (await terminalText(page)).trim().length > 0);
  await page.getByTestId("terminal-host").first().click();
  await page.keyboard.type("echo $((40+2))-$PWD\n");
  await waitFor("the answer", async () => (await terminalText(page)).includes("42-/tmp"));
  const { body } = await node.request("GET", "/api/agents");
  const agent = body.agents.find((candidate) => candidate.name === "customers-zoom-backend");
  assert.ok(agent?.running);
  await page.getByTestId("agent-stop").click();
  await page.getByTestId("confirm-interrupt").click();
  await page.getByTestId("ended-notice").waitFor();
  assert.ok((await terminalText(page)).includes("42-/tmp"), "what it printed last is still there");
  await page.getByTestId("ended-start").click();
  await page.getByTestId("ended-notice").waitFor({ state: "detached" });
  await page.getByTestId("terminal-host").first().waitFor();
  await page.getByTestId("agent-delete").click();
  await page.getByTestId("confirm-delete").click();
  await waitFor("it is gone", async () => {
    const list = (await node.request("GET", "/api/agents")).body.agents;
    return !list.some((candidate) => candidate.id === agent.id);
  });
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("after the node is killed in the middle of output, the page comes back by itself and nothing is missing or twice", async () => {
  const script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line:$i; [ $((i % 20)) = 0 ] && sleep 0.05; done; echo finished; exec cat";
  await node.create({ name: "cut-output", program: "sh", args: ["-c", script] });
  const page = await openPage(browser, node);
  await openAgent(page, node, "cut-output");
  await waitFor("output", async () => (await terminalText(page)).includes("line:"));
  await node.kill();
  await waitFor("the truth", async () => (await page.getByTestId("connection-bar").getAttribute("data-state")) !== "open");
  assert.ok((await terminalText(page)).includes("line:"), "what was there stays");
  await node.start();
  await waitFor("open", async () => (await page.getByTestId("connection-bar").getAttribute("data-state")) === "open");
  await waitFor("the end", async () => (await terminalText(page)).includes("finished"));
  await waitUntilEqual(page, node, "cut-output");
  const numbers = trimmed(await terminalLines(page)).flatMap((line) => line.match(/^line:(\d+)$/)?.[1] ?? []).map(Number);
  assert.ok(numbers.every((number, at) => at === 0 || number === numbers[at - 1] + 1));
  await page.context().close();
});

test("typing while the connection is cut arrives once and in order", async () => {
  await node.create({ name: "cut-input", program: "sh", args: ["-c", "stty raw -echo; echo ready; exec cat -v"] });
  const page = await openPage(browser, node);
  await openAgent(page, node, "cut-input");
  await waitFor("ready", async () => (await terminalText(page)).includes("ready"));
  await page.getByTestId("terminal-host").first().click();
  await page.keyboard.type("abc");
  await page.context().setOffline(true);
  await page.keyboard.type("def");
  await page.context().setOffline(false);
  await page.keyboard.type("ghi");
  await waitFor("all of it", async () => (await terminalText(page)).includes("abcdefghi"));
  await page.context().close();
});

test("what is pasted arrives whole, bracketed only when the program asked for it", async () => {
  const file = `${node.folder}/pasted`;
  await node.create({ name: "paste-target", program: "sh", args: ["-c", `stty raw -echo; printf '\\033[?2004hready'; exec cat > '${file}'`] });
  const page = await openPage(browser, node);
  await openAgent(page, node, "paste-target");
  await waitFor("ready", async () => (await terminalText(page)).includes("ready"));
  const big = "0123456789abcdef".repeat(65_536);
  await page.getByTestId("terminal-host").first().click();
  await page.evaluate((data) => {
    const host = [...document.querySelectorAll('[data-testid="terminal-host"]')].find((candidate) => candidate.offsetParent !== null);
    host.consortTerminal.paste(data);
  }, big);
  const { readFileSync, existsSync } = await import("node:fs");
  const expected = `\u001b[200~${big}\u001b[201~`;
  await waitFor("all of it", () => existsSync(file) && readFileSync(file, "utf8") === expected);
  await page.context().close();
});

test("notes are saved as they are typed and belong to the agent", async () => {
  const agent = await node.create({ name: "with-notes" });
  const page = await openPage(browser, node);
  await openAgent(page, node, "with-notes");
  const notes = page.getByTestId("notes");
  if (!(await notes.isVisible())) await page.getByTestId("details-toggle").click();
  await notes.fill("remember the milk");
  await waitFor("the node has them", async () => (await node.request("GET", `/api/agents/${agent.id}/notes`)).body.notes === "remember the milk");
  await page.context().close();
});

test("a phone shows a terminal as it is; fitting is a wish, and afterwards it has its size again", async () => {
  const agent = await node.create({ name: "sized-agent", program: "cat", cols: 120, rows: 32 });
  node.tmux("new-session", "-d", "-s", "sized-session", "-x", "120", "-y", "32", "cat");
  const sized = async (name) => (await node.request("GET", "/api/agents")).body.agents.find((candidate) => candidate.name === name)?.terminals[0];
  for (const name of ["sized-agent", "sized-session"]) {
    const { id } = await waitFor(name, async () => (await node.request("GET", "/api/agents")).body.agents.find((candidate) => candidate.name === name));
    const phone = await openPage(browser, node, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await phone.goto(`${node.origin}/#/agent/${id}`);
    await phone.locator('[data-testid="terminal"][data-phase="live"]').waitFor();
    await phone.getByTestId("key-bar").getByText("Esc", { exact: true }).click();
    await waitFor("the echo", async () => (await terminalText(phone)).includes("^["));
    assert.deepEqual([(await sized(name)).cols, (await sized(name)).rows], [120, 32], "neither looking nor a key of the bar");
    await phone.getByTestId("take-size").click();
    await waitFor("the phone's size", async () => (await sized(name)).cols < 80);
    await phone.context().close();
    await waitFor("its own size", async () => (await sized(name)).cols === 120 && (await sized(name)).rows === 32);
  }
  assert.ok(agent.running);
});

test("on a desktop looking changes no size, typing fits the terminal, leaving gives it back", async () => {
  await node.create({ name: "glanced-at", program: "cat", cols: 101, rows: 33 });
  await node.create({ name: "glanced-next", program: "cat" });
  const size = async () => {
    const { cols, rows } = (await node.request("GET", "/api/agents")).body.agents.find(({ name }) => name === "glanced-at").terminals[0];
    return `${cols}x${rows}`;
  };
  const page = await openPage(browser, node);
  await openAgent(page, node, "glanced-at");
  await page.locator('[data-testid="terminal"][data-phase="live"]').waitFor();
  await page.getByTestId("terminal-host").first().click();
  await page.getByTestId("search-button").click();
  assert.equal(await size(), "101x33");
  await page.keyboard.press("Escape");
  // Also beside the terminal, which is smaller than its place.
  const { x, y, width, height } = await page.getByTestId("terminal").boundingBox();
  await page.mouse.click(x + width - 30, y + height - 30);
  await page.keyboard.type("a");
  await waitFor("the window's size", async () => Number.parseInt(await size()) > 120);
  await openAgent(page, node, "glanced-next");
  await waitFor("its own size", async () => (await size()) === "101x33");
  await openAgent(page, node, "glanced-at");
  await page.locator('[data-testid="terminal"][data-phase="live"]').waitFor();
  assert.equal(await size(), "101x33");
  await page.context().close();
});

test("an agent that is created here fits here, without anybody holding its size", async () => {
  const page = await openPage(browser, node);
  await page.getByTestId("create-button").click();
  await page.getByTestId("create-name").fill("made-to-fit");
  await page.getByTestId("preset-custom").click();
  await page.getByTestId("create-args").fill("cat");
  await page.getByTestId("create-submit").click();
  const terminal = page.locator('[data-testid="terminal"][data-phase="live"]');
  await terminal.waitFor();
  await waitFor("no frame", async () => !(await terminal.getAttribute("class")).includes("scaled"));
  assert.equal(await terminal.getAttribute("data-holder"), "none");
  await page.context().close();
});

test("the tree is driven by keyboard alone and a deep link opens an agent", async () => {
  const agent = await node.create({ name: "keys-one-agent", program: "cat" });
  const page = await openPage(browser, node);
  await page.getByTestId("tree-row").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("keys-one");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await waitFor("the agent", async () => page.url().includes(agent.id));
  await page.goto(`${node.origin}/#/agent/${agent.id}`);
  await page.reload();
  await page.getByTestId("terminal-host").first().waitFor();
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
