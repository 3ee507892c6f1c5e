// Every key with every modifier in a real browser, on a desktop and by the phone's key bar, against what a real xterm sends
// (`../keys.json`); and the new line of Shift+Enter in real programs.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { browser, node, openAgent, openPage, startBrowserAndNode, terminalText, waitFor } from "./harness.mjs";

const TABLE = JSON.parse(readFileSync(new URL("../keys.json", import.meta.url)));
const ESC = "\x1b";

startBrowserAndNode();

const screen = async (agent) => (await node.request("GET", `/api/agents/${agent.id}/screen`)).body.text;

/** A program that writes what it gets to a file; it prints `asks` when it gets its first key. */
async function recorder(name, backend, asks = "") {
  const file = join(node.folder, name.replaceAll(" ", "-"));
  const script = `stty raw -echo; printf 'ready'; head -c 1 > /dev/null; printf '${asks}asked'; exec cat > "$0"`;
  const agent = await node.create({ name: name.replaceAll(" ", "-"), backend, program: "sh", args: ["-c", script, file] });
  await waitFor("ready", async () => (await screen(agent)).includes("ready"));
  return { agent, got: () => (existsSync(file) ? readFileSync(file, "utf8") : "") };
}

/** Opens a recorder's terminal and has it ask. */
async function opened(name, backend, asks, options) {
  const recorded = await recorder(name, backend, asks);
  const page = await openPage(browser, node, options);
  await openAgent(page, node, name.replaceAll(" ", "-"));
  await page.getByTestId("terminal-host").first().click();
  await page.keyboard.type("k");
  await waitFor("what it asks for", async () => (await terminalText(page)).includes("asked"));
  return { ...recorded, page };
}

const PLACES = {
  "`": "Backquote", "-": "Minus", "=": "Equal", "[": "BracketLeft", "]": "BracketRight", "\\": "Backslash", ";": "Semicolon",
  "'": "Quote", ",": "Comma", ".": "Period", "/": "Slash", " ": "Space",
};
const place = (key) => PLACES[key] ?? (/^[a-z]$/.test(key) ? `Key${key.toUpperCase()}` : /^\d$/.test(key) ? `Digit${key}` : key);
const isCharacter = (key) => key.length === 1;

/** Keys that the program does not get, or gets otherwise, and why. */
function exception(mode, key, modifiers) {
  const protocol = mode.startsWith("modify");
  const held = (...names) => modifiers === names.join("+");
  if (/^F\d/.test(key) && held("alt", "ctrl")) return "X takes it for a virtual console";
  if (held("ctrl") && key === "v") return "pastes";
  if (held("alt", "ctrl") && key === "v") return "sends what Ctrl+V would";
  if (held("shift", "ctrl") && ["k", "a", "e", "f", "c", "v", "=", "-", "0", "Enter", "ArrowUp", "ArrowDown", "Escape"].includes(key)) return "the dashboard's";
  if (held("ctrl") && ["-", "=", "0"].includes(key)) return "the browser's zoom";
  if (held("shift", "ctrl") && key === "=") return "the browser's zoom";
  if (modifiers.includes("ctrl") && !modifiers.includes("alt") && isCharacter(key) && !protocol) {
    const [plain, shifted] = [TABLE.normal[key][0], TABLE.normal[key][1]];
    if (held("shift", "ctrl") && /[a-z]/.test(key)) return "the browser's: Shift makes no difference to a program";
    if ([plain, shifted].includes(TABLE.normal[key][TABLE.modifiers.indexOf(modifiers)])) return "the browser's: it has no control character";
  }
  if (key === "Insert" && /shift|ctrl/.test(modifiers)) return "the browser's copy and paste";
  if (/^Page/.test(key) && held("shift")) return "scrolls";
  if (key === "Enter" && !protocol && /shift|ctrl/.test(modifiers) && !modifiers.includes("alt")) return "a new line";
  if (mode === "modifyOtherKeys 2" && held("shift") && isCharacter(key)) return "Shift alone makes text";
  if (mode === "modifyOtherKeys 1" && modifiers.includes("alt") && /shift|ctrl/.test(modifiers)) return "xterm leaves Alt out";
  return null;
}

const NAMES = { shift: "Shift", alt: "Alt", ctrl: "Control" };
const SEPARATOR = "·";

async function compare(mode, asks, backend, keys) {
  const { page, got } = await opened(mode, backend, asks);
  let compared = 0;
  for (const key of keys) {
    const before = got().length;
    const pressed = TABLE.modifiers.map((modifiers, at) => [modifiers, TABLE[mode][key][at]]).filter(([modifiers]) => exception(mode, key, modifiers) === null);
    for (const [modifiers] of pressed) {
      await page.keyboard.press([...modifiers.split("+").filter(Boolean).map((name) => NAMES[name]), place(key)].join("+"));
      await page.keyboard.insertText(SEPARATOR);
    }
    await waitFor(`${key} in ${mode}: ${JSON.stringify(got().slice(before))}`, () => got().slice(before).split(SEPARATOR).length > pressed.length);
    const sent = got().slice(before).split(SEPARATOR);
    pressed.forEach(([modifiers, theirs], at) => assert.equal(sent[at], theirs, `${modifiers} ${key} in ${mode}`));
    compared += pressed.length;
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
  return compared;
}

test("every key with every modifier sends what xterm sends", async () => {
  const compared = await compare("normal", "", "pty", Object.keys(TABLE.normal));
  assert.ok(compared > 450, `${compared} compared`);
});

const SOME = ["a", "i", "1", "/", ";", " ", "Enter", "Tab", "Backspace", "Escape", "ArrowUp", "F5", "Delete"];
test("so it does when the program asks for modifyOtherKeys", async () => {
  await compare("modifyOtherKeys 1", "\\033[>4;1m", "tmux", SOME);
  await compare("modifyOtherKeys 2", "\\033[>4;2m", "pty", SOME);
  await compare("application cursor", "\\033[?1h", "tmux", ["ArrowUp", "ArrowLeft", "Home", "End", "F1"]);
});

for (const backend of ["tmux", "pty"]) {
  test(`the kitty keyboard protocol holds across a reload and ends with the program's wish (${backend})`, async () => {
    const { page, got } = await opened(`kitty ${backend}`, backend, "\\033[>1u");
    const press = async (keys, expected) => {
      const before = got().length;
      for (const key of keys) await page.keyboard.press(key);
      await waitFor(JSON.stringify(expected), () => got().length >= before + expected.length);
      assert.equal(got().slice(before), expected);
    };
    const keys = ["Shift+Enter", "Control+Enter", "Enter", "Escape", "Control+KeyC", "Alt+KeyA", "Shift+Tab", "KeyX", "Control+Slash"];
    const sent = `${ESC}[13;2u${ESC}[13;5u\r${ESC}[27u${ESC}[99;5u${ESC}[97;3u${ESC}[9;2ux${ESC}[47;5u`;
    await press(keys, sent);
    await page.reload();
    await page.getByTestId("terminal-host").first().click();
    await waitFor("the screen", async () => (await terminalText(page)).includes("asked"));
    await press(keys, sent);
    await page.context().close();
  });
}

test("a program in a terminal of ours learns that the kitty protocol is there", async () => {
  const file = join(node.folder, "answer");
  const script = 'stty raw -echo; printf "\\033[>5u\\033[?u"; exec head -c 5 > "$0"';
  await node.create({ name: "asks", backend: "pty", program: "sh", args: ["-c", script, file] });
  await waitFor("the answer", () => existsSync(file) && readFileSync(file, "utf8") === `${ESC}[?5u`);
});

for (const [shell, args] of [["bash", ["--norc", "-i"]], ["zsh", ["-f", "-i"]]]) {
  test(`Shift+Enter and Ctrl+Enter make a new line in ${shell}, or submit if the user wants that`, async () => {
    const agent = await node.create({ name: `lines-${shell}`, program: shell, args, directory: "/" });
    const page = await openPage(browser, node);
    await openAgent(page, node, `lines-${shell}`);
    await page.getByTestId("terminal-host").first().click();
    await waitFor("a prompt", async () => /[$#%]\s*$/.test((await screen(agent)).trimEnd()));
    // The list has to know which program runs.
    await waitFor("its name", async () => (await node.request("GET", `/api/agents/${agent.id}`)).body.agent.terminals[0].command === shell);
    await page.keyboard.type("echo $((1+1))a");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("echo $((1+1))b");
    await page.keyboard.press("Control+Enter");
    await page.keyboard.type("echo $((1+1))c");
    await waitFor("all of it on the line", async () => (await screen(agent)).includes("echo $((1+1))c"));
    assert.ok(!(await screen(agent)).includes("2a"), "nothing has run");
    await page.keyboard.press("Enter");
    await waitFor("all three", async () => /^2a\n2b\n2c$/m.test(await screen(agent)));
    await page.keyboard.press("Control+Shift+KeyE");
    await page.getByRole("button", { name: "Settings" }).first().click();
    await page.getByLabel("Submit, as Enter does").check();
    await page.keyboard.press("Escape");
    await page.getByTestId("terminal-host").first().click();
    await page.keyboard.type("echo $((1+1))d");
    await page.keyboard.press("Shift+Enter");
    await waitFor("it has run", async () => /^2d$/m.test(await screen(agent)));
    await page.context().close();
  });
}

test("an agent that cannot be told gets Escape and Enter; the phone's key bar has a key for it, and Ctrl and Alt hold for one key", async () => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const { agent, got } = await recorder("phone keys", "tmux");
  const page = await openPage(browser, node, phone);
  await page.goto(`${node.origin}/#/agent/${agent.id}`);
  const bar = page.getByTestId("key-bar");
  const tap = (name) => bar.getByRole("button", { name, exact: true }).tap();
  await tap("Esc");
  await waitFor("it asks", async () => (await terminalText(page)).includes("asked"));
  const steps = [
    [["New line"], `${ESC}\r`], [["Enter"], "\r"], [["Ctrl", "Up"], `${ESC}[1;5A`], [["Up"], `${ESC}[A`], [["Alt", "Left"], `${ESC}[1;3D`],
    [["Ctrl", "Alt", "Right"], `${ESC}[1;7C`], [["Tab"], "\t"], [["Shift Tab"], `${ESC}[Z`], [["Alt", "Enter"], `${ESC}\r`], [["Esc"], ESC],
    [["Control C"], "\x03"], [["Alt", "Tab"], `${ESC}\t`],
  ];
  let expected = "";
  for (const [names, sent] of steps) {
    for (const name of names) await tap(name);
    expected += sent;
    await waitFor(`${names.join("+")}: ${JSON.stringify(got())}`, () => got().length >= expected.length);
    assert.equal(got(), expected, names.join("+"));
  }
  await page.locator(".xterm-helper-textarea").first().focus();
  for (const [letter, sent] of [["c", "\x03"], ["/", "\x1f"], ["x", "\x18"]]) {
    await tap("Ctrl");
    await page.keyboard.insertText(letter);
    expected += sent;
    await waitFor(`Ctrl and an on-screen ${letter}`, () => got() === expected);
  }
  await page.context().close();
});
