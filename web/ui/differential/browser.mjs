// The page's emulator in a real browser, as a process (see requests.mjs): all terminals one after the other on one page.

import { build } from "vite";
import { launchBrowser } from "../../../tests/browser/harness.mjs";
import { answerAll } from "./requests.mjs";

const NAME = "differential";

const root = new URL("..", import.meta.url).pathname;
const lib = { entry: new URL("page.mjs", import.meta.url).pathname, formats: ["iife"], name: NAME };
const [{ output }] = await build({ root, configFile: false, logLevel: "error", publicDir: false, build: { lib, write: false, minify: false } });
const script = output.find(({ type }) => type === "chunk").code;

const browser = await launchBrowser();
const page = await browser.newPage();
await page.addScriptTag({ content: script });
await answerAll(async ({ steps }) => ({ looks: await page.evaluate(`${NAME}.show(${JSON.stringify(steps)})`) }));
await browser.close();
