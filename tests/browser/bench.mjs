// Figures of the dashboard, as JSON on standard output: medians over several runs in a real browser.

import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";
import { gzipSync } from "node:zlib";

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** A node with 500 agents, and two to switch between. */
async function ownNode() {
  const node = await new TestNode().start();
  for (let number = 0; number < 500; number++) {
    node.tmux("new-session", "-d", "-s", `group${number % 9}-team${number % 31}-agent${number}`, "-x", "120", "-y", "40", "cat");
  }
  await waitFor("500 agents", async () => (await node.request("GET", "/api/agents")).body.agents.length === 500);
  for (const name of ["switch-one", "switch-two"]) {
    await node.create({ name, program: "sh", args: ["-c", `seq 1 2000; echo ${name}-is-here; exec cat`] });
  }
  for (let number = 0; number < 9; number++) {
    await node.create({ name: `side-${number}`, program: "sh", args: ["-c", "seq 1 2000; exec cat"], cols: 140, rows: 45 });
  }
  return node;
}

/** What an open dashboard that nobody touches gets and sends, in kB/s. */
async function idleTraffic(page, node) {
  const seconds = 20;
  let bytes = 0;
  const count = ({ payload }) => (bytes += Buffer.byteLength(payload));
  page.on("websocket", (socket) => socket.on("framereceived", count).on("framesent", count));
  await page.goto("about:blank");
  await page.goto(node.origin);
  await page.getByTestId("tree-row").first().waitFor();
  // What it gets at first is not idle traffic.
  await page.waitForTimeout(5_000);
  if (bytes === 0) throw new Error("no traffic was seen, not even the first list");
  bytes = 0;
  await page.waitForTimeout(seconds * 1_000);
  return bytes / seconds / 1_000;
}

/** From nine terminals side by side to one of them, and back: until all of it can be seen. */
async function gridSwitches(page, node) {
  await page.goto(`${node.origin}/#/grid/group/side/9`);
  await page.reload();
  const live = () => page.locator('[data-testid="grid-terminal"][data-phase="live"]').count();
  await waitFor("nine terminals", async () => (await live()) === 9);
  const [to, back] = [[], []];
  for (let run = 0; run < 12; run++) {
    // The first time, letters of another size are made.
    const timed = await page.evaluate(async (at) => {
      const shown = (selector, count) => new Promise((done) => {
        const start = performance.now();
        const look = () => {
          const rows = [...document.querySelectorAll(`${selector} .xterm-rows`)].filter((each) => each.checkVisibility({ contentVisibilityAuto: true }) && each.textContent.trim() !== "");
          if (rows.length === count) requestAnimationFrame(() => done(performance.now() - start));
          else requestAnimationFrame(look);
        };
        look();
      });
      document.querySelectorAll("[data-testid=grid-cell] button")[at].click();
      const to = await shown('[data-testid="terminal"]', 1);
      await new Promise((done) => setTimeout(done, 300));
      document.querySelector('[data-testid="back-to-grid"]').click();
      const back = await shown('[data-testid="grid-cell"]', 9);
      await new Promise((done) => setTimeout(done, 300));
      return { to, back };
    }, run % 3);
    if (run < 3) continue;
    to.push(timed.to);
    back.push(timed.back);
  }
  return { grid_ms: median(to), grid_back_ms: median(back) };
}

/** A node that somebody else started, by a login link. */
function nodeOf(link) {
  const origin = new URL(link).origin;
  let page;
  return {
    origin,
    freshLink: () => link,
    use: (used) => (page = used),
    request: async (method, path) => {
      const answer = await page.request.fetch(origin + path, { method });
      return { status: answer.status(), body: await answer.json() };
    },
    stop: () => {},
  };
}

const [link] = process.argv.slice(2);
const browser = await launchBrowser();
const node = link ? nodeOf(link) : await ownNode();
try {
  const page = await openPage(browser, node);
  node.use?.(page);
  const paints = [];
  for (let run = 0; run < 7; run++) {
    await page.goto("about:blank");
    await page.goto(node.origin);
    await page.getByTestId("tree-row").first().waitFor();
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
  }
  const scripts = await page.evaluate(() => performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".js")).map((entry) => entry.name));
  let javascript = 0;
  for (const script of scripts) javascript += gzipSync(Buffer.from(await (await page.request.get(script)).body())).length;

  const idle = await idleTraffic(page, node);
  const all = (await node.request("GET", "/api/agents")).body.agents;
  const agents = ["switch-one", "switch-two"].map((name) => all.find((agent) => agent.name === name));
  await page.getByTestId("filter").fill("switch");
  await openAgent(page, node, "switch-one");
  await waitFor("the first", async () => ((await terminalLines(page)) ?? []).join("\n").includes("switch-one-is-here"));
  await openAgent(page, node, "switch-two");
  await waitFor("the second", async () => ((await terminalLines(page)) ?? []).join("\n").includes("switch-two-is-here"));
  const switches = [];
  for (let run = 0; run < 10; run++) {
    const agent = agents[run % 2];
    switches.push(
      await page.evaluate(
        ({ id, mark }) =>
          new Promise((done) => {
            const start = performance.now();
            location.hash = `#/agent/${id}`;
            const look = () => {
              const hosts = [...document.querySelectorAll('[data-testid="terminal-host"]')];
              const host = hosts.find((candidate) => candidate.consortTerminal && candidate.offsetParent !== null);
              const buffer = host?.consortTerminal.buffer.active;
              for (let row = buffer ? buffer.length - 1 : -1; row >= Math.max(0, (buffer?.length ?? 0) - 60); row--) {
                if (buffer.getLine(row).translateToString(true).includes(mark)) {
                  requestAnimationFrame(() => done(performance.now() - start));
                  return;
                }
              }
              requestAnimationFrame(look);
            };
            look();
          }),
        { id: agent.id, mark: `${agent.name}-is-here` },
      ),
    );
  }
  const filters = [];
  const filter = page.getByTestId("filter");
  for (const word of ["g", "gr", "group3", "agent49", ""]) {
    await filter.evaluate((input) => (input.__start = undefined));
    filters.push(
      await filter.evaluate(
        (input, value) =>
          new Promise((done) => {
            const start = performance.now();
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, value);
            input.dispatchEvent(new Event("input", { bubbles: true }));
            requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
          }),
        word,
      ),
    );
  }
  const grid = link ? {} : await gridSwitches(page, node);
  const figures = {
    ...grid,
    first_paint_ms: median(paints),
    javascript_kb: javascript / 1000,
    switch_ms: median(switches),
    filter_ms: median(filters),
    idle_kb_per_s: idle,
  };
  console.log(JSON.stringify(figures));
} finally {
  await browser.close();
  await node.stop();
}
