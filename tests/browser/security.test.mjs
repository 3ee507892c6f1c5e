// A page from another origin, in a browser that is logged in, gets nothing: of the node, and of those that it is paired with.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, TestNode, waitFor } from "./harness.mjs";

let browser;
let node;
let peer;
let other;

before(async () => {
  // A name that its owner has bound to this machine, after the page was loaded.
  browser = await launchBrowser({ more: ["--host-resolver-rules=MAP rebound.example 127.0.0.1"] });
  node = await new TestNode("laptop").start();
  peer = await new TestNode("server").start();
  const asked = await peer.request("POST", "/api/join", { target: `127.0.0.1:${node.port}` });
  assert.equal(asked.status, 202);
  const [{ id }] = (await peer.request("GET", "/api/nodes")).body.nodes;
  await node.request("POST", `/api/peers/${id}/admit`, {});
  await waitFor("both lists", async () => (await nodes()).some((one) => one.name === "server" && one.reachable));
  other = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end("<!doctype html><title>another page</title>");
  });
  await new Promise((done) => other.listen(0, "127.0.0.1", done));
});

after(async () => {
  await browser?.close();
  await node?.stop();
  await peer?.stop();
  other?.close();
});

const nodes = async () => (await node.request("GET", "/api/nodes")).body.nodes;

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

/** What a page tries with a node that has peers: reading them, changing who they are, acting on what runs there, being one itself. */
const attempts = ({ base, agent, server, socket }) => {
  const post = (path, body) => ({ method: "POST", path, body: JSON.stringify(body) });
  const tries = [
    { method: "GET", path: "/api/nodes" },
    { method: "GET", path: "/api/peers" },
    post("/api/invite", { rights: "operate" }),
    post("/api/join", { target: "127.0.0.1:1" }),
    post(`/api/peers/${server}/admit`, {}),
    { method: "DELETE", path: `/api/peers/${server}` },
    post("/api/leave", {}),
    post(`/api/agents/${agent}/input`, { text: "rm -rf /", submit: true }),
    { method: "DELETE", path: `/api/agents/${agent}` },
    post("/api/link", {}),
  ];
  const asked = tries.map(async ({ method, path, body }) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const answer = await fetch(base + path, { method, body, headers, credentials: "include" }).catch(() => null);
    return [`${method} ${path}`, answer?.ok ?? false];
  });
  const opened = ["/ws", "/link"].map(
    (path) =>
      new Promise((done) => {
        const candidate = new WebSocket(socket + path);
        candidate.onopen = () => done([path, true]);
        candidate.onerror = () => done([path, false]);
      }),
  );
  return Promise.all([...asked, ...opened]);
};

async function nothingHasChanged(page, what, tried) {
  assert.deepEqual(
    tried.filter(([, let_in]) => let_in),
    [],
  );
  assert.deepEqual((await nodes()).map((one) => one.name).sort(), ["laptop", "server"], what);
  const peers = (await node.request("GET", "/api/peers")).body;
  assert.deepEqual([peers.invites, peers.asking, peers.requests], [0, [], []], what);
  const agents = (await node.request("GET", "/api/agents")).body.agents;
  const far = agents.find((agent) => agent.name === "far-agent");
  const { text } = (await node.request("GET", `/api/agents/${far.id}/screen`)).body;
  assert.ok(far.running && !text.includes("rm -rf"), what);
  await page.context().close();
}

async function targets() {
  await peer.request("POST", "/api/agents", { name: "far-agent", program: "cat" });
  const far = await waitFor("its agent", async () => (await node.request("GET", "/api/agents")).body.agents.find((agent) => agent.name === "far-agent"));
  return { agent: far.id, server: (await nodes()).find((one) => one.name === "server").id };
}

test("a page from another origin reaches no peer through the node, and is none", async () => {
  const { agent, server } = await targets();
  const page = await openPage(browser, node);
  await page.goto(`http://localhost:${other.address().port}/`);
  const tried = await page.evaluate(attempts, { base: node.origin, socket: node.origin.replace("http", "ws"), agent, server });
  await nothingHasChanged(page, "another origin", tried);
});

test("a page whose name was bound anew to this machine reaches no peer through the node, and is none", async () => {
  const { agent, server } = await targets();
  const page = await openPage(browser, node);
  // To the browser the node's answers are now of that page's origin: no rule of the browser protects the node.
  const rebound = `rebound.example:${node.port}`;
  const answer = await page.goto(`http://${rebound}/`);
  assert.ok(answer.status() >= 400, `${answer.status()}`);
  const tried = await page.evaluate(attempts, { base: "", socket: `ws://${rebound}`, agent, server });
  await nothingHasChanged(page, "a rebound name", tried);
});

test("a name that was bound to this machine by a stranger is not answered", async () => {
  const page = await (await browser.newContext()).newPage();
  const answer = await page.goto(`http://rebound.localhost:${node.port}/`);
  assert.ok(answer.status() >= 400, `${answer.status()}`);
  await page.context().close();
});
