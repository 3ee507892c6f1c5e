// Asks a real xterm what each key with each modifier sends, and writes it to `../keys.json`, which is committed. Needs xterm,
// Xvfb and xdotool; run it by hand: `node xterm-keys.mjs`.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Keys by the name that a browser gives them (on a US keyboard), with X's name. */
const KEYS = {
  ...Object.fromEntries([..."abcdefghijklmnopqrstuvwxyz0123456789"].map((key) => [key, key])),
  "`": "grave", "-": "minus", "=": "equal", "[": "bracketleft", "]": "bracketright", "\\": "backslash", ";": "semicolon",
  "'": "apostrophe", ",": "comma", ".": "period", "/": "slash", " ": "space",
  ...Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`F${at + 1}`, `F${at + 1}`])),
  ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right", Home: "Home", End: "End", PageUp: "Prior", PageDown: "Next",
  Insert: "Insert", Delete: "Delete", Enter: "Return", Tab: "Tab", Backspace: "BackSpace", Escape: "Escape",
};

const MODIFIERS = ["", "shift", "alt", "shift+alt", "ctrl", "shift+ctrl", "alt+ctrl", "shift+alt+ctrl"];

const MODES = {
  normal: "",
  "application cursor": "\\033[?1h",
  "modifyOtherKeys 1": "\\033[>4;1m",
  "modifyOtherKeys 2": "\\033[>4;2m",
};

/** A key that is in no table: it stands between the others. */
const SEPARATOR = ["Menu", "\x1b[29~"];

const RESOURCES = [
  // Alt sends an escape character first, Backspace sends DEL, and xterm takes no key for itself.
  "*metaSendsEscape: true", "*altSendsEscape: true", "*eightBitInput: false", "*modifyOtherKeys: 0",
  "*backarrowKey: false", "*ptyInitialErase: false", "*VT100.translations: <KeyPress>: insert()",
];

const display = `:${90 + (process.pid % 100)}`;
const folder = mkdtempSync(join(tmpdir(), "xterm-keys-"));
const env = { ...process.env, DISPLAY: display };
const server = spawn("Xvfb", [display, "-screen", "0", "800x600x24"], { stdio: "ignore" });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

try {
  await pause(1_000);
  const result = {};
  for (const [mode, ask] of Object.entries(MODES)) result[mode] = await record(mode, ask);
  const version = execFileSync("xterm", ["-version"], { env, encoding: "utf8" }).trim();
  const origin = `${version} on a US keyboard, by tests/browser/xterm-keys.mjs, with ${RESOURCES.join(", ")}`;
  const lines = Object.entries(result).map(([mode, keys]) => {
    const rows = Object.entries(keys).map(([key, sent]) => `  ${JSON.stringify(key)}: ${JSON.stringify(sent)}`);
    return `${JSON.stringify(mode)}: {\n${rows.join(",\n")}\n}`;
  });
  const head = `"origin": ${JSON.stringify(origin)},\n"modifiers": ${JSON.stringify(MODIFIERS)},\n`;
  writeFileSync(new URL("../keys.json", import.meta.url), `{\n${head}${lines.join(",\n")}\n}\n`);
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

/** What every key sends, one text for each of MODIFIERS. */
async function record(mode, ask) {
  const file = join(folder, "got");
  rmSync(file, { force: true });
  const script = `stty raw -echo; printf '${ask}'; exec cat > ${file}`;
  const options = RESOURCES.flatMap((resource) => ["-xrm", `XTerm${resource}`]);
  const terminal = spawn("xterm", [...options, "-e", "sh", "-c", script], { env, stdio: "ignore" });
  for (let tries = 0; !existsSync(file); tries++) {
    if (tries > 100) throw new Error(`xterm does not start for ${mode}`);
    await pause(50);
  }
  await pause(300);
  const keys = {};
  for (const [key, symbol] of Object.entries(KEYS)) {
    const chain = MODIFIERS.flatMap((held) => [held === "" ? symbol : `${held}+${symbol}`, SEPARATOR[0]]);
    const before = readFileSync(file, "latin1").length;
    execFileSync("xdotool", ["key", "--delay", "4", ...chain], { env });
    let sent = [];
    for (let tries = 0; sent.length <= MODIFIERS.length; tries++) {
      if (tries > 100) throw new Error(`${mode}, ${key}: ${JSON.stringify(sent)} of ${statSync(file).size} bytes`);
      await pause(10);
      sent = readFileSync(file, "latin1").slice(before).split(SEPARATOR[1]);
    }
    keys[key] = sent.slice(0, MODIFIERS.length);
  }
  terminal.kill();
  await pause(200);
  return keys;
}
