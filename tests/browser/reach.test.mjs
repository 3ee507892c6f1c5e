// The dashboard by names that the node did not make up: through nginx, an ssh port forwarding and a proxy like `tailscale serve`, and by
// address and by name from a phone on a network of its own. Each time: what is refused says how to allow it, that command is run, and then
// a terminal is used and the page loaded again.

import assert from "node:assert/strict";
import { hostname } from "node:os";
import { after, before, test } from "node:test";
import { tmuxCells, waitUntilSame } from "./cells.mjs";
import { Nginx, noNginx, noSsh, SshForward, TailscaleLike, WEB_SOCKETS } from "./fronts.mjs";
import { launchBrowser, PATIENCE_MS, terminalLines, TestNode, waitFor } from "./harness.mjs";
import { Net, noMachines } from "./net.mjs";

const STRIPPED = "strip.example.test";
const KEPT = "keep.example.test";
const PASSED = "pass.example.test";
const TAILNET = "box.tail1.ts.net";

let node;
let agent;
let browser;
let nginx;
let ssh;
let tailscale;

before(async () => {
  node = await new TestNode("box").start();
  agent = await node.create({ name: "shell", program: "cat" });
  if (!noNginx) {
    nginx = await new Nginx().start({
      [STRIPPED]: `location /consort/ { proxy_pass http://127.0.0.1:${node.port}/; ${WEB_SOCKETS} }`,
      [KEPT]: `location /tools/consort { proxy_pass http://127.0.0.1:${node.port}; ${WEB_SOCKETS} }`,
      [PASSED]: `location / { proxy_pass http://127.0.0.1:${node.port}; proxy_set_header Host $http_host; ${WEB_SOCKETS} }`,
    });
  }
  if (!noSsh) ssh = await new SshForward().start(node.port);
  tailscale = await new TailscaleLike().start(TAILNET, node.port);
  const rules = [`MAP *.example.test 127.0.0.1:${nginx?.port ?? 1}`, `MAP ${TAILNET} 127.0.0.1:${tailscale.port}`];
  browser = await launchBrowser({ more: [`--host-resolver-rules=${rules.join(",")}`] });
});

after(async () => {
  await browser?.close();
  await Promise.all([nginx, ssh, tailscale].map((front) => front?.close()));
  await node?.stop();
});

async function newPage(from = browser, options = {}) {
  const context = await from.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

/** The command that a refused page shows, as words. */
async function shownCommand(page) {
  const text = await page.locator("pre code").first().innerText();
  const [program, ...words] = text.trim().split(" ");
  assert.equal(program, "consort");
  return words;
}

const loginAt = async (url, of = node) => `${url}#${(await of.freshLink()).split("#")[1]}`;

/** Logs in, types into a terminal, sees the echo, loads the page again and sees it again. */
async function useTerminal(page, url, { of = node, id = agent.id } = {}) {
  await page.goto("about:blank");
  await page.goto(await loginAt(url, of));
  await page.getByTestId("connection-bar").first().waitFor({ state: "attached" });
  await page.goto(`${url}#/agent/${id}`);
  const terminal = page.locator(`[data-testid="terminal"][data-agent-id="${id}"]`);
  await terminal.waitFor();
  const word = `typed-${Math.random().toString(36).slice(2, 8)}`;
  await waitFor("a screen", () => terminalLines(page));
  await terminal.click();
  await page.keyboard.type(`${word}\n`);
  const shown = async () => ((await terminalLines(page)) ?? []).filter((line) => line.includes(word)).length;
  await waitFor("the echo", async () => (await shown()) === 2);
  await waitUntilSame("what tmux has", page, () => tmuxCells(of, "shell"));
  await page.reload();
  await waitFor("the same after a reload", async () => (await shown()) === 2);
  assert.equal(new URL(page.url()).origin, new URL(url).origin);
  await waitUntilSame("what tmux has after a reload", page, () => tmuxCells(of, "shell"));
}

/** What `consort doctor` prints, whatever it thinks of this machine otherwise. */
function doctor(of) {
  try {
    return of.consort("doctor");
  } catch (error) {
    return error.stdout;
  }
}

const sessionCookie = async (page) => (await page.context().cookies()).find((cookie) => cookie.name.startsWith("consort_"));

/** How a page gets here by another address. `status`: of the page that says how to allow it; `path`: of the session's cookie. */
const FRONTS = [
  { name: "nginx that strips its prefix and puts its own Host in", skip: noNginx, url: () => `https://${STRIPPED}/consort/`, status: 200 },
  // What is left of the address does not say by which name it was reached.
  { name: "nginx that leaves its prefix in the path", skip: noNginx, url: () => `https://${KEPT}/tools/consort/`, status: 404 },
  { name: "nginx that passes the browser's Host on", skip: noNginx, url: () => `https://${PASSED}/`, status: 403 },
  { name: "ssh -L to another port", skip: noSsh, url: () => `http://localhost:${ssh.port}/`, status: 403 },
  { name: "a proxy that does what tailscale serve does", url: () => `https://${TAILNET}/`, status: 403 },
];

for (const { name, skip = false, url: address, status } of FRONTS) {
  test(`through ${name}`, { skip }, async () => {
    const url = address();
    const { host, pathname, protocol } = new URL(url);
    const page = await newPage();
    assert.equal((await page.goto(url)).status(), status);
    if (status === 200) await page.getByText("Consort does not know this address").waitFor();
    if (status === 403) assert.ok((await page.locator("h1").innerText()).includes(host.split(":")[0]));
    const [verb, shown] = await shownCommand(page);
    assert.deepEqual([verb, status === 404 ? shown.replace("NAME", host) : shown], ["allow", url]);
    node.consort("allow", url);
    await useTerminal(page, url);
    const cookie = await sessionCookie(page);
    assert.deepEqual([cookie.path, cookie.secure, cookie.httpOnly, cookie.sameSite], [pathname, protocol === "https:", true, "Strict"]);
    if (pathname !== "/") {
      // Without the last slash the page's own addresses would lead elsewhere.
      await page.goto(url.slice(0, -1));
      assert.equal(new URL(page.url()).pathname, pathname);
    }
    // What was allowed can be taken back, also while it is used.
    node.consort("allow", "--remove", url);
    await page.goto("about:blank");
    assert.equal((await page.goto(url)).status(), status);
    await page.locator("pre code").first().waitFor();
    await page.context().close();
  });
}

test("an address is allowed and removed in the settings", async () => {
  const page = await newPage();
  await page.goto(await loginAt(`http://localhost:${node.port}/`));
  await page.getByTestId("settings-button").click();
  const origins = page.getByTestId("origins");
  await origins.getByLabel("Address to allow").fill("https://Elsewhere.example.test/consort");
  await origins.getByRole("button", { name: "Allow" }).click();
  const row = origins.getByTestId("origin").filter({ hasText: "https://elsewhere.example.test/consort/" });
  await row.waitFor();
  assert.ok(node.consort("allow").includes("https://elsewhere.example.test/consort/  allowed"));
  await row.getByRole("button", { name: "Remove https://elsewhere.example.test/consort/" }).click();
  await row.waitFor({ state: "detached" });
  assert.ok(!node.consort("allow").includes("elsewhere"));
  await origins.getByLabel("Address to allow").fill("https://elsewhere.example.test/?x");
  await origins.getByRole("button", { name: "Allow" }).click();
  await origins.getByRole("alert").filter({ hasText: "is not an address" }).waitFor();
  await page.context().close();
});

test("a phone on the same network, by address and by name", { skip: noMachines }, async () => {
  const net = new Net(2);
  const [here, phone] = net.machines;
  const served = new TestNode("box", here);
  served.host = "0.0.0.0";
  let mobile;
  try {
    await served.start();
    const { id } = await served.create({ name: "shell", program: "cat" });
    const name = `${hostname().split(".")[0].toLowerCase()}.local`;
    mobile = await launchBrowser({ machine: phone, more: [`--host-resolver-rules=MAP ${name} 10.0.0.2,MAP stranger.example 10.0.0.2`] });
    const options = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
    for (const host of ["10.0.0.2", name]) {
      const page = await newPage(mobile, options);
      await useTerminal(page, `http://${host}:${served.port}/`, { of: served, id });
      await page.context().close();
    }
    // The links that are printed and shown as a code are those that the phone can open.
    const shown = served.consort("open", "--qr");
    assert.ok(shown.includes(`It opens http://10.0.0.2:${served.port}/ and works once`), shown);
    const report = doctor(served);
    assert.match(report, new RegExp(`from the networks of this machine, as http://10\\.0\\.0\\.2:${served.port}/`));
    assert.ok(!report.includes("does not answer") && !report.includes("nothing listens"), report);
    const stranger = await newPage(mobile, options);
    const answer = await stranger.goto(`http://stranger.example:${served.port}/`);
    assert.equal(answer.status(), 403);
    assert.deepEqual(await shownCommand(stranger), ["allow", `http://stranger.example:${served.port}/`]);
  } finally {
    await mobile?.close();
    await served.stop();
    net.close();
  }
});

test("a node on one address is linked to there, and one on loopback has nothing for a phone", { skip: noMachines }, async () => {
  const net = new Net(1);
  const served = new TestNode("box", net.machines[0]);
  served.host = "10.0.0.2";
  const alone = new TestNode("alone");
  try {
    await Promise.all([served.start(), alone.start()]);
    assert.equal(new URL(served.link).host, `10.0.0.2:${served.port}`);
    assert.ok(served.consort("open", "--print").startsWith(`http://10.0.0.2:${served.port}/#token=`));
    assert.match(doctor(served), /as http:\/\/10\.0\.0\.2:/);
    assert.match(doctor(alone), /only from this machine/);
    assert.throws(() => alone.consort("open", "--qr"), /listens on this machine alone/);
  } finally {
    await Promise.all([served.stop(), alone.stop()]);
    net.close();
  }
});
