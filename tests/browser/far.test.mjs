// A browser at one machine types into a tmux agent of another one that only a third one reaches, while links are cut.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchBrowser, openAgent, openPage, TestNode, terminalLines, waitFor, waitUntilEqual } from "./harness.mjs";
import { Net, noMachines } from "./net.mjs";

const NAMES = ["first", "middle", "last"];
let net;
let nodes = [];
let browser;

before(async () => {
  if (noMachines) return;
  net = new Net(3);
  net.cut(0, 2, "drop");
  nodes = await Promise.all(NAMES.map((name, number) => new TestNode(name, net.machines[number]).start()));
  for (const end of [0, 2]) {
    const { body } = await nodes[1].request("POST", "/api/invite", {});
    assert.equal((await nodes[end].request("POST", "/api/join", { target: body.code })).status, 200);
  }
  await waitFor("the ends of the row", () => reaches(nodes[0], "last"));
  browser = await launchBrowser({ machine: net.machines[0] });
});

after(async () => {
  await browser?.close();
  for (const node of nodes) await node.stop();
  net?.close();
});

async function reaches(node, name) {
  return (await node.request("GET", "/api/nodes")).body.nodes.some((other) => other.name === name && other.reachable);
}

test("every key arrives once and in order, and the screen is that of tmux, whatever is cut meanwhile", { skip: noMachines }, async () => {
  const [first, , last] = nodes;
  const file = join(last.folder, "typed");
  await last.create({ name: "far-agent", program: "sh", args: ["-c", 'stty -echo -icanon; echo ready; exec tee "$0"', file] });
  const page = await openPage(browser, first);
  await openAgent(page, first, "far-agent");
  await waitFor("it is ready", async () => ((await terminalLines(page)) ?? []).join("\n").includes("ready"));
  await page.locator('[data-testid="terminal"] textarea').focus();
  let expected = "";
  const typeUntil = async (what, condition) => {
    await waitFor(what, async () => {
      const word = `${expected.length} `;
      expected += word;
      await page.keyboard.type(word);
      return condition();
    });
  };
  for (const [one, other] of [
    [0, 1],
    [1, 2],
  ]) {
    for (const fault of ["reject with tcp reset", "drop"]) {
      net.cut(one, other, fault);
      await typeUntil("the cut is noticed", async () => !(await reaches(first, "last")));
      net.heal(one, other);
      await typeUntil("the links are back", () => reaches(first, "last"));
      await waitFor("everything arrives", () => readFileSync(file, "utf8").length >= expected.length);
      assert.equal(readFileSync(file, "utf8"), expected);
      await waitUntilEqual(page, last, "far-agent");
    }
  }
  assert.deepEqual(page.errors, []);
  await page.context().close();
});
