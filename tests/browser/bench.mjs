// Figures of the dashboard, as JSON on standard output: medians over several runs in a real browser.

import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor } from "./harness.mjs";
import { gzipSync } from "node:zlib";

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const browser = await launchBrowser();
const node = await new TestNode().start();
try {
  for (let number = 0; number < 500; number++) {
    node.tmux("new-session", "-d", "-s", `group${number % 9}-team${number % 31}-agent${number}`, "-x", "120", "-y", "40", "cat");
  }
  await waitFor("500 agents", async () => (await node.request("GET", "/api/agents")).body.agents.length === 500);
  const agents = [];
  for (const name of ["switch-one", "switch-two"]) {
    agents.push(await node.create({ name, program: "sh", args: ["-c", `seq 1 2000; echo ${name}-is-here; exec cat`] }));
  }
  const page = await openPage(browser, node);
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
  const figures = { first_paint_ms: median(paints), javascript_kb: javascript / 1000, switch_ms: median(switches), filter_ms: median(filters) };
  console.log(JSON.stringify(figures));
} finally {
  await browser.close();
  await node.stop();
}
