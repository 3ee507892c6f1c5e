// Two machines (two nodes of one machine here) meet in the dashboard, and each shows what the other one has.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openPage, terminalLines, TestNode, waitFor, waitUntilEqual } from "./harness.mjs";

let browser;
let laptop;
let server;

before(async () => {
  browser = await launchBrowser();
  laptop = await new TestNode("laptop").start();
  server = await new TestNode("server").start();
});

after(async () => {
  await browser?.close();
  await laptop?.stop();
  await server?.stop();
});

test("a machine asks, is admitted with one click, is shown as away when it goes, and can be removed", async () => {
  await laptop.create({ name: "customers-near-api", program: "cat" });
  const there = await openPage(browser, server);
  await there.getByTestId("machines-button").click();
  await there.getByTestId("join-button").click();
  await there.getByTestId("join-target").fill(`127.0.0.1:${laptop.port}`);
  await there.getByTestId("join-submit").click();

  const here = await openPage(browser, laptop);
  assert.equal(await here.getByTestId("grouping").count(), 0, "one machine needs no machines in the tree");
  await here.getByTestId("machines-button").click();
  await here.getByTestId("join-request").getByText("Admit", { exact: true }).click();
  for (const page of [here, there]) await waitFor("both machines", async () => (await page.getByTestId("machine").count()) === 2);
  await waitFor("the direct link", async () => /Connected directly/.test(await here.getByTestId("machine").nth(1).innerText()));
  await there.context().close();

  await here.getByTestId("grouping").getByText("Machines").click();
  await waitFor("its branch", async () => (await here.locator('[data-testid="tree-row"][aria-level="1"]').allInnerTexts()).join().includes("laptop"));
  await here.keyboard.press("/");
  await here.locator("#filter:focus").waitFor();
  await here.reload();
  await waitFor("the same, remembered", async () => (await here.locator('[data-testid="tree-row"][aria-level="1"]').allInnerTexts()).join().includes("laptop"));

  await server.kill();
  const away = here.locator('[data-testid="machine"][data-reachable="false"]');
  await away.waitFor();
  assert.match(await away.innerText(), /server[^]*(Unreachable|Just became unreachable)/);
  await away.getByTestId("remove-machine").click();
  await here.getByTestId("confirm-remove-machine").click();
  await waitFor("one machine", async () => (await here.getByTestId("machine").count()) === 1);
  assert.deepEqual(here.errors, []);
  await here.context().close();
});

test("who asks to join is told of on every page, and can be refused", async () => {
  const stranger = await new TestNode("stranger").start();
  try {
    const page = await openPage(browser, laptop);
    assert.equal((await stranger.request("POST", "/api/join", { target: `127.0.0.1:${laptop.port}` })).status, 202);
    await page.getByTestId("asking-count").waitFor();
    await page.getByText(/^stranger \(.{7}\) asks to join/).waitFor();
    await page.getByText("Decide", { exact: true }).click();
    await page.getByTestId("join-request").getByTestId("refuse").click();
    await page.getByTestId("join-request").waitFor({ state: "detached" });
    await waitFor("it stops asking", async () => (await stranger.request("GET", "/api/peers")).body.asking.length === 0);
    assert.equal((await laptop.request("GET", "/api/peers")).body.requests.length, 0);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    await stranger.stop();
  }
});

test("machines of the same name are told apart, and the start page says what it does not know of those that are away", async () => {
  const twins = [await new TestNode("twin").start(), await new TestNode("twin").start()];
  try {
    const page = await openPage(browser, laptop);
    for (const twin of twins) {
      const { code } = (await laptop.request("POST", "/api/invite", {})).body;
      assert.equal((await twin.request("POST", "/api/join", { target: code })).status, 200);
      await twin.create({ name: "customers-asks", program: "sh", args: ["-c", "printf 'Go on? (y/n) '; read answer"] });
    }
    const cards = page.getByTestId("waiting-card").filter({ hasText: "customers-asks" });
    await waitFor("both ask", async () => (await cards.count()) === 2);
    const badges = await cards.getByTestId("host-badge").allInnerTexts();
    assert.equal(new Set(badges).size, 2);
    for (const badge of badges) assert.match(badge, /^twin·.{7}$/);

    await page.locator('[data-testid="tree-row"]', { hasText: badges[0] }).first().click();
    await page.locator('[data-testid="terminal"][data-phase="live"]').waitFor();
    await page.locator('[data-testid="terminal"]').click();
    for (const twin of twins) await twin.kill();
    const notice = page.getByTestId("stale-notice");
    await notice.waitFor();
    await page.keyboard.type("y");
    await waitFor("what is typed is kept", async () => /^twin·.{7}: (unreachable|just became unreachable).*1 B of your typing is kept/.test(await notice.innerText()));
    await page.getByLabel("Consort, start page").click();
    const banner = page.getByTestId("away-banner");
    await waitFor("both are away", async () => /^2 machines cannot be reached: twin·.{7}, twin·.{7}\. 2 agents there were waiting/.test(await banner.innerText()));
    assert.match(await page.locator(".all-clear").innerText(), /on reachable machines/);
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    for (const { id } of (await laptop.request("GET", "/api/peers")).body.peers.filter(({ name }) => name === "twin")) await laptop.request("DELETE", `/api/peers/${id}`);
    for (const twin of twins) await twin.stop();
  }
});

test("this machine leaves the others from its own card", async () => {
  const leaver = await new TestNode("leaver").start();
  try {
    const { code } = (await laptop.request("POST", "/api/invite", {})).body;
    assert.equal((await leaver.request("POST", "/api/join", { target: code })).status, 200);
    const page = await openPage(browser, leaver);
    await page.getByTestId("machines-button").click();
    await page.getByTestId("leave-mesh").click();
    await page.getByTestId("confirm-leave").click();
    await page.getByTestId("leave-dialog").waitFor({ state: "detached" });
    await waitFor("it is gone", async () => !(await laptop.request("GET", "/api/nodes")).body.nodes.some(({ name }) => name === "leaver"));
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    await leaver.stop();
  }
});

test("an agent is created on another machine, in a directory that is listed there, and typed into", async () => {
  const desk = await new TestNode("desk").start();
  try {
    mkdirSync(join(desk.folder, "src/zoom"), { recursive: true });
    const { code } = (await laptop.request("POST", "/api/invite", {})).body;
    assert.equal((await desk.request("POST", "/api/join", { target: code })).status, 200);
    const page = await openPage(browser, laptop);
    await page.getByTestId("grouping").waitFor();
    await page.keyboard.press("c");
    const machine = page.getByTestId("create-machine");
    assert.match(await machine.locator("option:checked").innerText(), /^laptop \(this machine\)$/);
    await waitFor("the desk", async () => (await machine.locator("option").allInnerTexts()).includes("desk"));
    await machine.selectOption({ label: "desk" });
    await page.getByTestId("create-name").fill("customers-far-made");
    await page.getByTestId("preset-custom").check({ force: true });
    await page.getByTestId("create-args").fill("cat");
    await page.getByTestId("directory-list").getByText("src", { exact: true }).click();
    await page.getByTestId("directory-list").getByText("zoom", { exact: true }).click();
    await page.getByTestId("create-submit").click();
    await page.getByTestId("create-dialog").waitFor({ state: "detached" });
    await page.getByTestId("host-badge").first().waitFor();
    await page.locator('[data-testid="terminal"][data-agent-id*="@"]').waitFor();
    await waitFor("the echo", async () => {
      await page.keyboard.type("x");
      return ((await terminalLines(page)) ?? []).some((line) => line.includes("xx"));
    });
    await waitUntilEqual(page, desk, "customers-far-made");
    assert.equal(desk.tmux("display", "-p", "-t", "customers-far-made", "#{pane_current_path}").trim(), join(desk.folder, "src/zoom"));

    await page.getByTestId("grouping").getByText("Machines").click();
    // The only agent below its levels: they share its row, and its menu creates beside it.
    await page.locator('[data-testid="tree-row"][data-agent-id*="@"]').last().click({ button: "right" });
    await page.getByTestId("menu").getByText("New agent beside it").click();
    assert.match(await machine.locator("option:checked").innerText(), /^desk$/, "opened from the desk's branch");
    await desk.kill();
    await page.getByTestId("create-dialog").getByText(/^desk: (unreachable|just became unreachable)/).waitFor();
    await page.getByTestId("create-name").fill("customers-never-made");
    await page.getByTestId("create-submit").click();
    await page.locator("#create-machine:focus").waitFor();
    assert.ok(await machine.locator("option", { hasText: "desk" }).isDisabled());
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    await desk.stop();
  }
});

test("a far agent is previewed, stopped, tagged and noted as one of this machine is", async () => {
  const far = await new TestNode("far").start();
  try {
    const { code } = (await laptop.request("POST", "/api/invite", {})).body;
    assert.equal((await far.request("POST", "/api/join", { target: code })).status, 200);
    const ask = "echo what it is about; printf 'Go on? (y/n) '; read answer; exec sleep 1000";
    await far.create({ name: "customers-remote", program: "sh", args: ["-c", ask], directory: far.folder });
    const page = await openPage(browser, laptop);
    const failed = [];
    page.on("response", (response) => response.status() >= 400 && failed.push(`${response.status()} ${response.url()}`));
    const card = page.getByTestId("waiting-card").filter({ hasText: "customers-remote" });
    await card.getByText("what it is about").waitFor();

    await page.locator('[data-testid="tree-row"]', { hasText: "remote" }).first().click();
    await page.locator('[data-testid="terminal"][data-agent-id*="@"]').waitFor();
    if ((await page.getByTestId("notes").count()) === 0) await page.getByTestId("details-toggle").click();
    await page.getByTestId("notes").fill("seen from afar");
    await page.getByTestId("tag-input").fill("urgent");
    await page.getByTestId("tag-input").press("Enter");
    await page.getByTestId("agent-stop").click();
    await page.getByTestId("confirm-interrupt").click();
    await waitFor("what was done there", async () => {
      const [agent] = (await far.request("GET", "/api/agents")).body.agents.filter(({ name }) => name === "customers-remote");
      return !agent.running && agent.notes === "seen from afar" && agent.tags.join() === "urgent";
    });
    assert.deepEqual([failed, page.errors], [[], []]);
    await page.context().close();
  } finally {
    await far.stop();
  }
});

test("an invite is a line to copy and a picture, and says how long it is good for", async () => {
  const page = await openPage(browser, laptop);
  await page.getByTestId("machines-button").click();
  await page.getByTestId("invite-button").click();
  await page.getByTestId("make-invite").click();
  const invite = page.getByTestId("invite");
  assert.match(await invite.innerText(), /control agents here[^]*consort join \S+[^]*Valid for 10 minutes/);
  assert.ok((await invite.locator("svg path, svg rect").count()) > 0);
  await page.context().close();
});

test("the dialog of an invite says who has used it", async () => {
  const guest = await new TestNode("guest-by-invite").start();
  try {
    const page = await openPage(browser, laptop);
    await page.getByTestId("machines-button").click();
    await page.getByTestId("invite-button").click();
    await page.getByTestId("make-invite").click();
    const command = await page.getByTestId("invite").locator("code").innerText();
    assert.equal((await guest.request("POST", "/api/join", { target: command.replace("consort join ", "") })).status, 200);
    await page.getByTestId("invite-used").getByText("guest-by-invite has used this invite").waitFor();
    if (process.env.CONSORT_SCREENSHOTS) await page.screenshot({ path: `${process.env.CONSORT_SCREENSHOTS}/invite-used.png` });
    assert.deepEqual(page.errors, []);
    await page.context().close();
  } finally {
    await guest.stop();
  }
});

test("a machine that may only look shows agents of others, and offers nothing that they would refuse", async () => {
  const guest = await new TestNode("guest").start();
  try {
    await laptop.create({ name: "customers-shown", program: "cat" });
    const { code } = (await laptop.request("POST", "/api/invite", { rights: "view" })).body;
    assert.equal((await guest.request("POST", "/api/join", { target: code })).status, 200);
    const page = await openPage(browser, guest);
    await laptop.create({ name: "customers-question", program: "sh", args: ["-c", "printf 'Go on? (y/n) '; read answer"] });
    await page.getByTestId("waiting-card").filter({ hasText: "customers-question" }).getByTestId("may-not-answer").waitFor();
    await page.locator('[data-testid="tree-row"]', { hasText: "shown" }).first().click();
    await page.getByTestId("only-looking").waitFor();
    assert.equal(await page.getByTestId("take-size").count(), 0);
    assert.equal(await page.getByTestId("agent-stop").getAttribute("aria-disabled"), "true");
    assert.match(await page.getByTestId("agent-stop").getAttribute("title"), /can only view the agents of laptop/);
    await page.locator('[data-testid="terminal"]').click();
    await page.keyboard.type("not for me");
    await page.getByTestId("machines-button").click();
    const own = page.getByTestId("machine").first();
    assert.match(await own.getByTestId("machine-rights").innerText(), /^can only view/);
    assert.equal(await own.getByTestId("leave-mesh").count(), 1);
    for (const button of ["invite-button", "remove-machine"]) assert.equal(await page.getByTestId(button).count(), 0, button);
    await page.goBack();
    const { id } = (await laptop.request("GET", "/api/peers", undefined)).body.peers.find(({ name }) => name === "guest");
    assert.equal((await laptop.request("POST", `/api/peers/${id}/admit`, { rights: "operate" })).status, 200);
    await page.getByTestId("only-looking").waitFor({ state: "detached" });
    await page.locator('[data-testid="terminal"]').click();
    await waitFor("the echo", async () => {
      await page.keyboard.type("x");
      return ((await terminalLines(page)) ?? []).some((line) => line.includes("xx"));
    });
    assert.ok(!((await terminalLines(page)) ?? []).join("\n").includes("not for me"), "what could not be typed is not typed later");

    assert.equal((await laptop.request("DELETE", `/api/peers/${id}`)).status, 200);
    await page.getByLabel("Consort, start page").click();
    await page.getByTestId("removed-banner").getByText("Join again").click();
    await page.getByTestId("join-target").waitFor();
    await page.context().close();
  } finally {
    await guest.stop();
  }
});
