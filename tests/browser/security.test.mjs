// A page from another origin, in a browser that is logged in, gets nothing.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode } from "./harness.mjs";

let browser;
let node;
let other;

before(async () => {
  browser = await launchBrowser();
  node = await new TestNode().start();
  other = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end("<!doctype html><title>another page</title>");
  });
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
});

after(async () => {
  await browser?.close();
  await node?.stop();
  other?.close();
});

test("a page from another origin cannot read, post or connect", async () => {
  await node.create({ name: "secret-agent", program: "cat" });
  const page = await openPage(browser, node);
  // The same host on another port: cookies do not tell ports apart, and for SameSite it is the same site.
  await page.goto(`http://localhost:${other.address().port}/`);
  const tried = await page.evaluate(async (origin) => {
    const attempt = (action) => action().then(() => "got in", () => "refused");
    const socket = await new Promise((done) => {
      const candidate = new WebSocket(`${origin.replace("http", "ws")}/ws`);
      candidate.onopen = () => done("got in");
      candidate.onerror = () => done("refused");
    });
    return {
      read: await attempt(() => fetch(`${origin}/api/agents`, { credentials: "include" })),
      post: await attempt(() => fetch(`${origin}/api/agents`, { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: '{"name":"planted"}' })),
      socket,
    };
  }, node.origin);
  assert.deepEqual(tried, { read: "refused", post: "refused", socket: "refused" });
  // Requests that a browser sends without asking (no-cors) must have changed nothing either.
  await page.evaluate((origin) => fetch(`${origin}/api/agents`, { method: "POST", mode: "no-cors", credentials: "include", body: '{"name":"planted"}' }).catch(() => {}), node.origin);
  const names = (await node.request("GET", "/api/agents")).body.agents.map((agent) => agent.name);
  assert.deepEqual(names, ["secret-agent"]);
  await page.context().close();
});

test("a name that was bound to this machine by a stranger is not answered", async () => {
  const page = await (await browser.newContext()).newPage();
  const answer = await page.goto(`http://rebound.localhost:${node.port}/`);
  assert.ok(answer.status() >= 400, `${answer.status()}`);
  await page.context().close();
});
