// Pastes in a real browser, by every way there is: nothing of a hostile text runs, the text arrives, and keys keep their place.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tmuxCells, waitUntilSame } from "./cells.mjs";
import { browser, node, openAgent, openPage, startBrowserAndNode, waitFor } from "./harness.mjs";

const TABLE = JSON.parse(readFileSync(new URL("../pastes.json", import.meta.url)));

startBrowserAndNode();

const options = () => ({ permissions: ["clipboard-read", "clipboard-write"] });

async function copied(page, text) {
  await page.evaluate((copy) => navigator.clipboard.writeText(copy), text);
  // What the clipboard keeps of it: some controls it does not.
  return page.evaluate(() => navigator.clipboard.readText());
}

/** A program that asks for bracketed paste and writes what it gets to a file. */
async function recorder(name, backend) {
  const file = join(node.folder, name);
  const script = "stty raw -echo; printf '\\033[?2004h'; echo ready; exec cat > \"$0\"";
  const agent = await node.create({ name, backend, program: "sh", args: ["-c", script, file] });
  await waitFor("ready", async () => (await node.request("GET", `/api/agents/${agent.id}/screen`)).body.text.includes("ready"));
  return { agent, got: () => (existsSync(file) ? readFileSync(file, "utf8") : "") };
}

/** What arrives of a text in brackets. */
const bracketed = (arrives) => `\x1b[200~${arrives.replaceAll("\n", "\r")}\x1b[201~`;

/** The ways to paste by which a page gets a text. */
const WAYS = {
  "Ctrl+V": (page) => page.keyboard.press("Control+V"),
  "Ctrl+Shift+V": (page) => page.keyboard.press("Control+Shift+V"),
  // The context menu and the middle button make this event; no test can click on the browser's own menu.
  "the clipboard event": (page, text) =>
    page.evaluate((pasted) => {
      const data = new DataTransfer();
      data.setData("text/plain", pasted);
      document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, text),
  "a drop": (page, text) =>
    page.evaluate((dropped) => {
      const data = new DataTransfer();
      data.setData("text/plain", dropped);
      const screen = document.querySelector(".xterm-screen");
      for (const type of ["dragenter", "dragover", "drop"]) {
        screen.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    }, text),
  "an on-screen keyboard's clipboard": (page, text) =>
    page.evaluate((inserted) => {
      const event = new InputEvent("beforeinput", { inputType: "insertFromPaste", data: inserted, bubbles: true, cancelable: true });
      document.activeElement.dispatchEvent(event);
    }, text),
};

for (const backend of ["tmux", "pty"]) {
  test(`hostile texts arrive without controls, whichever way they are pasted (${backend})`, async () => {
    const { got } = await recorder(`ways-${backend}`, backend);
    const page = await openPage(browser, node, options());
    await openAgent(page, node, `ways-${backend}`);
    await page.getByTestId("terminal-host").first().click();
    let expected = "";
    for (const [way, paste] of Object.entries(WAYS)) {
      for (const { name, text, arrives } of TABLE) {
        // Chromium's clipboard ends at a NUL.
        if (way.startsWith("Ctrl") && text.includes("\0")) continue;
        if (way.startsWith("Ctrl")) await copied(page, text);
        await paste(page, text);
        expected += bracketed(arrives);
        await waitFor(`${name} by ${way}`, () => got().length >= expected.length);
        assert.equal(got(), expected, `${name} by ${way}`);
      }
    }
    assert.deepEqual(page.errors, []);
    await page.context().close();
  });
}

test("what is typed around a paste keeps its place", async () => {
  const { got } = await recorder("order", "tmux");
  const page = await openPage(browser, node, options());
  await openAgent(page, node, "order");
  await page.getByTestId("terminal-host").first().click();
  let expected = "";
  for (let round = 0; round < 5; round++) {
    await copied(page, `paste${round}`);
    await page.keyboard.type(`before${round}`);
    await page.keyboard.press("Control+V");
    await page.keyboard.type(`after${round}`);
    await page.keyboard.press("Enter");
    expected += `before${round}${bracketed(`paste${round}`)}after${round}\r`;
  }
  await waitFor("everything", () => got().length >= expected.length);
  assert.equal(got(), expected);
  await page.context().close();
});

test("a paste into a shell with bracketed paste runs nothing", async () => {
  const home = join(node.folder, "home");
  mkdirSync(home);
  await node.create({ name: "shell", program: "bash", args: ["--norc", "-i"], directory: home });
  const page = await openPage(browser, node, options());
  await openAgent(page, node, "shell");
  await page.getByTestId("terminal-host").first().click();
  const hostile = "echo a\x1b[201~\ntouch ran\n\x1b[20\x1b[201~1~touch ran\nEND";
  assert.ok((await copied(page, hostile)).includes("\x1b[201~"), "the clipboard holds the end of the brackets");
  await page.keyboard.press("Control+V");
  await waitFor("the text", () => node.capture("shell").some((line) => line.includes("END")));
  await waitUntilSame("what tmux has", page, () => tmuxCells(node, "shell"));
  await page.reload();
  await waitUntilSame("what tmux has after a reload", page, () => tmuxCells(node, "shell"));
  assert.equal(existsSync(join(home, "ran")), false);
  await page.context().close();
});

test("a paste that the node refuses is reported with what was typed behind it, and nothing of it is lost", async () => {
  const { got } = await recorder("refused", "tmux");
  const page = await openPage(browser, node, options());
  await openAgent(page, node, "refused");
  await page.getByTestId("terminal-host").first().click();
  let answered = false;
  let answer;
  const typed = new Promise((done) => (answer = done));
  await page.route("**/input", async (route) => {
    await typed;
    answered = true;
    await route.fulfill({ status: 409, contentType: "application/json", body: '{"error":{"code":"no","message":"It is busy.","hint":""}}' });
  });
  await copied(page, "secret plan");
  await page.keyboard.press("Control+V");
  await page.keyboard.press("Enter");
  answer();
  await page.getByText("may not have arrived in refused").waitFor();
  assert.ok(answered);
  await page.getByRole("button", { name: "Copy what you typed" }).click();
  await waitFor("the text in the clipboard", async () => (await page.evaluate(() => navigator.clipboard.readText())) === "secret plan\r");
  await page.unroute("**/input");
  await page.getByTestId("terminal-host").first().click();
  await page.keyboard.type("x");
  await waitFor("the next key", () => got() === "x");
  await page.context().close();
});

test("a paste whose answer is lost is written once", async () => {
  const { got } = await recorder("lost", "tmux");
  const page = await openPage(browser, node, options());
  await openAgent(page, node, "lost");
  await page.getByTestId("terminal-host").first().click();
  let asked = 0;
  await page.route("**/input", async (route) => {
    asked += 1;
    if (asked > 1) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  });
  await copied(page, "only once");
  await page.keyboard.press("Control+V");
  await page.keyboard.type("x");
  await waitFor("the key behind it", () => got().endsWith("x"));
  assert.deepEqual([got(), asked], [`${bracketed("only once")}x`, 2]);
  await page.context().close();
});

test("the phone's key bar pastes by the same way", async () => {
  const { got } = await recorder("phone", "tmux");
  const page = await openPage(browser, node, { ...options(), viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { body } = await node.request("GET", "/api/agents");
  const { id } = body.agents.find(({ name }) => name === "phone");
  await page.goto(`${node.origin}/#/agent/${id}`);
  await page.getByTestId("key-bar").waitFor();
  await copied(page, "a\x1b[201~\rb");
  await page.getByTestId("key-bar").getByRole("button", { name: "Paste" }).tap();
  await waitFor("the text", () => got() === bracketed("a[201~\nb"));
  await page.context().close();
});
