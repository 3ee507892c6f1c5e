// The page's emulator without a page, as a process (see requests.mjs).

import { createServer } from "vite";
import xterm from "@xterm/headless";
import { screenOf } from "./cells.mjs";
import { answerAll } from "./requests.mjs";

const vite = await createServer({ root: new URL("..", import.meta.url).pathname, configFile: false, logLevel: "error",
  server: { middlewareMode: true, watch: null, ws: false }, optimizeDeps: { noDiscovery: true, include: [] } });
const { configureEmulator, EMULATOR_OPTIONS, replacement } = await vite.ssrLoadModule("/src/terminal/emulator.ts");
await vite.close();

function createEmulator() {
  const terminal = new xterm.Terminal({ ...EMULATOR_OPTIONS, logLevel: "off" });
  configureEmulator(terminal, { clipboard: () => {} });
  return terminal;
}

// What fails while the emulator parses is thrown out of a timer of its own, and nobody is called back.
let fail = () => {};
process.on("uncaughtException", (error) => fail(error));

const write = (terminal, bytes) => new Promise((done, failed) => {
  fail = failed;
  terminal.write(bytes, done);
});
const decode = (base64) => new Uint8Array(Buffer.from(base64, "base64"));

function replace(terminal, [cols, rows, base64]) {
  if (cols !== terminal.cols || rows !== terminal.rows) terminal.resize(cols, rows);
  return write(terminal, replacement(decode(base64)));
}

await answerAll(async ({ steps }) => {
  const terminal = createEmulator();
  const looks = [];
  for (const step of steps) {
    if (step.replace) await replace(terminal, step.replace);
    else if (step.append !== undefined) await write(terminal, decode(step.append));
    else looks.push(screenOf(terminal));
  }
  terminal.dispose();
  return { looks };
});
