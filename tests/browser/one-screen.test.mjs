// One screen: what a page shows live is what it shows after a reload and what the terminal's owner has, cell by cell.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { cells, tmuxCells, waitUntilSame } from "./cells.mjs";
import { launchBrowser, openAgent, openPage, terminalText, TestNode, waitFor } from "./harness.mjs";

const VIEWPORT = { width: 1280, height: 800 };
const FIXTURES = join(import.meta.dirname, "screens");

/** Names the window at each prompt and command, as widespread set-ups of zsh do in tmux. */
const ZSHRC = `
precmd()  { printf '\\033k%s\\033\\\\' "\${PWD##*/}" }
preexec() { printf '\\033k%s\\033\\\\' "$1" }
PS1='%% '
`;

let browser;
let node;
/** What fits on the page: terminals of this size keep it, whoever types. */
let fits;

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode().start();
  fits = await sizeThatFits();
});

after(async () => {
  await browser?.close();
  await node?.stop();
});

async function sizeThatFits() {
  const { id } = await node.create({ name: "ruler", backend: "pty", program: "cat", cols: 20, rows: 5 });
  const page = await openPage(browser, node, { viewport: VIEWPORT });
  await openAgent(page, node, "ruler");
  await page.getByTestId("take-size").click();
  const size = await waitFor("the size of the page", async () => {
    const { cols, rows } = (await node.request("GET", `/api/agents/${id}`)).body.agent.terminals[0];
    return cols > 20 && rows > 5 ? { cols, rows } : null;
  });
  await page.context().close();
  return size;
}

/** The shown terminal is on the page whole. */
async function open(page, name) {
  await openAgent(page, node, name);
  await waitFor("the terminal", async () => (await cells(page)) !== null);
  await page.locator(".xterm-helper-textarea").first().focus();
}

async function reload(page, name) {
  await page.reload();
  await open(page, name);
}

/** The agent's screen as the node has it, by its own emulator: plain text. */
async function ownScreen(name) {
  const { agents } = (await node.request("GET", "/api/agents")).body;
  const { id } = agents.find((agent) => agent.name === name);
  return (await node.request("GET", `/api/agents/${id}/screen`)).body;
}

const rowText = (row) => row.map(([character]) => character).join("").trimEnd();

async function waitUntilOwnScreen(page, name) {
  let [shown, own] = [[], []];
  try {
    await waitFor("the node's own screen", async () => {
      const { screen } = await cells(page);
      shown = screen.map(rowText);
      own = (await ownScreen(name)).text.replace(/\n$/, "").split("\n").slice(-screen.length);
      return shown.join("\n") === own.join("\n");
    });
  } catch (error) {
    throw new Error(`${error.message}: ${JSON.stringify(shown)} and ${JSON.stringify(own)}`);
  }
}

test("a zsh that names its window shows each command once, live and after a reload", async () => {
  const home = join(node.folder, "zsh");
  mkdirSync(home);
  writeFileSync(join(home, ".zshrc"), ZSHRC);
  for (const backend of ["tmux", "pty"]) {
    const name = `zsh-${backend}`;
    await node.create({ name, backend, program: "zsh", args: ["-d"], env: { ZDOTDIR: home }, directory: home, ...fits });
    const page = await openPage(browser, node, { viewport: VIEWPORT });
    await open(page, name);
    await waitFor("the prompt", async () => (await terminalText(page)).trimEnd().endsWith("%"));
    for (const command of ["cd /usr/share", "echo hi"]) {
      await page.keyboard.type(`${command}\n`);
      await waitFor(command, async () => (await terminalText(page)).trimEnd().endsWith("%") && (await terminalText(page)).includes(command));
    }
    await waitFor("the answer", async () => (await terminalText(page)).includes("\nhi"));
    const expected = ["% cd /usr/share", "% echo hi", "hi", "%"];
    const live = await cells(page);
    const shown = live.screen.map(rowText).filter((line) => line !== "");
    assert.deepEqual(shown.slice(-4), expected, backend);
    assert.equal(shown.filter((line) => line.includes("echo hi")).length, 1, backend);
    const owner = async () => (backend === "tmux" ? tmuxCells(node, name) : live);
    await waitUntilSame(`${backend} live`, page, owner);
    if (backend === "pty") await waitUntilOwnScreen(page, name);
    await reload(page, name);
    await waitUntilSame(`${backend} after a reload`, page, owner);
    if (process.env.CONSORT_PICTURES) await page.screenshot({ path: join(process.env.CONSORT_PICTURES, `${name}.png`) });
    assert.deepEqual(page.errors, []);
    await page.context().close();
  }
});

test("what terminals disagree about is shown as its owner has it, live and after a reload", async () => {
  for (const file of readdirSync(FIXTURES)) {
    for (const backend of ["tmux", "pty"]) {
      const name = `${backend}-${file.split("-")[0]}`;
      const script = 'stty -echo; printf "ready\\n"; read -r _; cat "$0"; printf "\\033]2;done\\033\\\\"; exec sleep 1000';
      const agent = await node.create({ name, backend, program: "sh", args: ["-c", script, join(FIXTURES, file)], ...fits });
      const page = await openPage(browser, node, { viewport: VIEWPORT });
      await open(page, name);
      await waitFor("the program", async () => (await terminalText(page)).includes("ready"));
      await page.keyboard.press("Enter");
      const titled = async () => (await node.request("GET", `/api/agents/${agent.id}`)).body.agent.terminals[0]?.title === "done";
      await waitFor(`${name}: the end of the program`, titled);
      if (backend === "pty") await waitUntilOwnScreen(page, name);
      const live = await cells(page);
      const owner = async () => (backend === "tmux" ? tmuxCells(node, name) : live);
      await waitUntilSame(`${name} live`, page, owner);
      if (process.env.CONSORT_PICTURES) await page.screenshot({ path: join(process.env.CONSORT_PICTURES, `${name}.png`) });
      await reload(page, name);
      await waitUntilSame(`${name} after a reload`, page, owner);
      assert.deepEqual(page.errors, []);
      await page.context().close();
    }
  }
});
