// A node with its own tmux server and state, and a browser that is logged in to it.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const BROWSERS = [
  process.env.CONSORT_BROWSER,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const BINARY = process.env.CONSORT_BINARY ?? resolve(import.meta.dirname, "../../target/release/consort");

/** Generous: it bounds a hang and measures nothing. */
export const PATIENCE_MS = 30_000;

/** Waits until `condition` gives something true. */
export async function waitFor(what, condition) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > until) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

export class TestNode {
  static #count = 0;

  /** `name`: what it is called among other nodes. `machine`: a network of its own (`net.mjs`) that it runs in. */
  constructor(name = "", machine = null) {
    this.name = name;
    this.machine = machine;
    this.folder = mkdtempSync(join(tmpdir(), "consort-browser-"));
    this.tmuxSocket = `consort-browser-${process.pid}-${TestNode.#count++}`;
    this.port = 0;
    /** Where it listens, without the port; and further options of its command line. */
    this.host = "localhost";
    this.more = [];
  }

  /** Starts (again) and waits for the login link. */
  async start() {
    const args = ["--state-dir", join(this.folder, "state"), "--tmux-socket", this.tmuxSocket, "--listen", `${this.host}:${this.port}`, ...this.more];
    if (this.name) args.push("--name", this.name);
    // Nothing of the machine's user decides a test: no start-up file of a shell, no configuration of tmux.
    const env = { ...process.env, TMUX: "", ENV: "", SHELL: "/bin/sh", HOME: this.folder };
    const [program, ...words] = [...(this.machine?.enter ?? []), BINARY, ...args];
    this.process = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    this.process.stderr.on("data", (data) => (errors += data));
    const lines = createInterface({ input: this.process.stdout });
    this.link = await new Promise((found, failed) => {
      lines.on("line", (line) => {
        const link = line.match(/http:\/\/\S+/);
        if (link) found(link[0]);
      });
      this.process.on("exit", () => failed(new Error(`the node ended: ${errors}`)));
    });
    this.port = Number(new URL(this.link).port);
    this.origin = `http://localhost:${this.port}`;
    this.token = (await waitFor("the token", () => this.#read("state/token"))).trim();
    return this;
  }

  #read(name) {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Runs `consort` as its user does, in the node's own network. */
  consort(...args) {
    const [program, ...words] = [...(this.machine?.enter ?? []), BINARY, "--state-dir", join(this.folder, "state"), ...args];
    return execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Ends as a crash does. */
  async kill() {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGKILL");
    await ended;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    try {
      this.tmux("kill-server");
    } catch {
      // There was none.
    }
    // A shell that ends writes its history meanwhile.
    await waitFor("the folder's end", () => {
      try {
        rmSync(this.folder, { recursive: true, force: true });
        return true;
      } catch {
        return false;
      }
    });
  }

  tmux(...args) {
    const env = { ...process.env, LC_ALL: "C.UTF-8", SHELL: "/bin/sh" };
    delete env.TMUX;
    return execFileSync("tmux", ["-L", this.tmuxSocket, "-f", "/dev/null", ...args], { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** History and screen of a session as tmux has them: trailing spaces and blank lines at the end removed. */
  capture(target) {
    return trimmed(this.tmux("capture-pane", "-p", "-S", "-", "-t", target).split("\n"));
  }

  /** By the control socket, which is there whatever network the node runs in. */
  async request(method, path, body) {
    const socketPath = join(this.folder, "state/control.sock");
    const answered = await new Promise((done, failed) => {
      const asked = request({ socketPath, method, path, headers: { "Content-Type": "application/json" } }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (data) => (text += data));
        answer.on("end", () => done({ status: answer.statusCode, text }));
      });
      asked.on("error", failed).end(body === undefined ? "" : JSON.stringify(body));
    });
    return { status: answered.status, body: answered.text ? JSON.parse(answered.text) : null };
  }

  async create(agent) {
    const { status, body } = await this.request("POST", "/api/agents", agent);
    if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body.agent;
  }

  async freshLink() {
    return (await this.request("POST", "/api/link")).body.url;
  }
}

export function trimmed(lines) {
  const all = lines.map((line) => line.trimEnd());
  while (all.length > 0 && all.at(-1) === "") all.pop();
  return all;
}

/** `machine`: a network of its own (`net.mjs`) that it runs in. `more`: further options of its command line. */
export async function launchBrowser({ machine = null, more = [] } = {}) {
  let executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: make setup installs it, or set CONSORT_BROWSER");
  let folder;
  if (machine) {
    folder = mkdtempSync(join(tmpdir(), "consort-browser-"));
    const script = join(folder, "chromium");
    writeFileSync(script, `#!/bin/sh\nexec ${machine.enter.join(" ")} ${executablePath} "$@"\n`, { mode: 0o700 });
    executablePath = script;
  }
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Pages that come from a folder have no address, and may not open sockets of this machine otherwise.
      ...(process.env.CONSORT_UI_DIST ? ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"] : []),
      ...more,
    ],
  });
  if (folder) browser.on("disconnected", () => rmSync(folder, { recursive: true, force: true }));
  if (process.env.CONSORT_UI_DIST) servePagesFrom(process.env.CONSORT_UI_DIST, browser);
  return browser;
}

/** While working on the dashboard: its files come from a folder that Vite built, everything else from the binary. */
function servePagesFrom(dist, browser) {
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    await context.route(
      ({ pathname }) => pathname === "/" || pathname.startsWith("/assets/"),
      (route) => {
        const { pathname } = new URL(route.request().url());
        const path = join(dist, pathname === "/" ? "index.html" : pathname);
        return existsSync(path) ? route.fulfill({ path }) : route.continue();
      },
    );
    return context;
  };
}

/** A page that is logged in. Fails the test on any error in the page. */
export async function openPage(browser, node, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(await node.freshLink());
  await page.getByTestId("connection-bar").waitFor();
  return page;
}

/** What the browser's terminal holds, scrollback included; `null` while there is none. */
export function terminalLines(page) {
  return page.evaluate(() => {
    const hosts = [...document.querySelectorAll('[data-testid="terminal-host"]')];
    const host = hosts.find((candidate) => candidate.consortTerminal && candidate.offsetParent !== null);
    if (!host) return null;
    const buffer = host.consortTerminal.buffer.active;
    const lines = [];
    for (let row = 0; row < buffer.length; row++) lines.push(buffer.getLine(row).translateToString(true));
    return lines;
  });
}

/** The text of the terminal that is shown; empty without one. */
export async function terminalText(page) {
  return ((await terminalLines(page)) ?? []).join("\n");
}

/** Waits until the browser's terminal equals what tmux has. */
export async function waitUntilEqual(page, node, session) {
  let ours;
  let theirs;
  try {
    await waitFor("equal screens", async () => {
      ours = trimmed((await terminalLines(page)) ?? []);
      theirs = node.capture(session);
      // A browser that was there while more was printed than tmux keeps has more before it.
      ours = ours.slice(Math.max(0, ours.length - theirs.length));
      return ours.length === theirs.length && ours.every((line, row) => line === theirs[row]);
    });
  } catch (error) {
    const at = theirs.findIndex((line, row) => line !== ours[row]);
    throw new Error(`${error.message}: ${ours.length} and ${theirs.length} lines, line ${at}: ${JSON.stringify(ours[at])} and ${JSON.stringify(theirs[at])}`);
  }
}

/** Clicks on an agent in the tree. */
export async function openAgent(page, node, name) {
  const agent = await waitFor(name, async () => (await node.request("GET", "/api/agents")).body.agents.find((candidate) => candidate.name === name));
  await page.locator(`[data-testid="tree-row"][data-agent-id="${agent.id}"]`).click();
  await page.locator(`[data-testid="terminal"][data-agent-id="${agent.id}"]`).waitFor();
}

/** The browser and the node that a file of tests shares: see `startBrowserAndNode`. */
export let browser = null;
export let node = null;

/** Starts both before the tests of a file and ends them afterwards. */
export function startBrowserAndNode() {
  before(async () => {
    browser = await launchBrowser();
    node = await new TestNode().start();
  });
  after(async () => {
    await browser?.close();
    await node?.stop();
  });
}
