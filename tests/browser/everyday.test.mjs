// What a person meets who uses the dashboard every day, on a desktop and on a phone.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { browser, node, openAgent, openPage, startBrowserAndNode, terminalLines, terminalText, TestNode, trimmed, waitFor, waitUntilEqual } from "./harness.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

startBrowserAndNode();

const agentOf = async (id) => (await node.request("GET", `/api/agents/${id}`)).body.agent;
const open = (page, id) => page.goto(`${node.origin}/#/agent/${id}`);

/** Runs `read` on the emulator that is shown. */
const inTerminal = (page, read, argument) =>
  page.evaluate(
    ([source, value]) => {
      const host = [...document.querySelectorAll('[data-testid="terminal-host"]')].find((candidate) => candidate.offsetParent !== null);
      return new Function("host", "value", `return (${source})(host, value)`)(host, value);
    },
    [read.toString(), argument],
  );

test("when a program ends, nothing that it printed is written over", async () => {
  const script = "seq 1 30; printf '\\033[?1049h in between \\033[?1049l'; echo after; exit 3";
  await node.create({ name: "ends-early", program: "sh", args: ["-c", `sleep 1; ${script}`] });
  node.tmux("new-session", "-d", "-s", "leaves-twice", "-x", "80", "-y", "24", "sh -c 'sleep 1; seq 1 10; printf \"\\033[?1049l\\033[?47l\"; echo after; exec cat'");
  const page = await openPage(browser, node);
  for (const name of ["leaves-twice", "ends-early"]) {
    await openAgent(page, node, name);
    await waitFor("the end", async () => (await terminalText(page)).includes("after"));
    await waitUntilEqual(page, node, name);
    const lines = trimmed(await terminalLines(page));
    assert.equal(lines[lines.indexOf("after") - 1], name === "ends-early" ? "30" : "10");
  }
  await waitFor("how it ended", async () => /^Exited \(3\)/.test(await page.getByTestId("agent-state").innerText()));
  await page.context().close();
});

test("a terminal that stays larger than its place is scaled until all of it can be seen, also by who decides its size", async () => {
  node.tmux("new-session", "-d", "-s", "much-too-large", "-x", "220", "-y", "70", "cat");
  node.tmux("resize-window", "-t", "much-too-large", "-x", "220", "-y", "70");
  const page = await openPage(browser, node, { viewport: { width: 900, height: 600 } });
  // A terminal that cannot have the size that is wished for: the wish is not passed on, and the page is told that it decides.
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => {
      const message = typeof data === "string" ? JSON.parse(data) : null;
      if (message?.t === "attach") server.send(JSON.stringify({ ...message, size: null, take: "never" }));
      else if (message?.t !== "size") server.send(data);
    });
    server.onMessage((data) => {
      const message = typeof data === "string" ? JSON.parse(data) : null;
      const decides = message?.t === "attached" || message?.t === "size";
      socket.send(decides ? JSON.stringify({ ...message, holder: "you" }) : data);
    });
  });
  await page.reload();
  await openAgent(page, node, "much-too-large");
  await waitFor("its size", () => inTerminal(page, (host) => host?.consortTerminal.cols === 220));
  await waitFor("all of it in view", () =>
    inTerminal(page, (host) => {
      const space = host.parentElement.getBoundingClientRect();
      const screen = host.querySelector(".xterm-screen").getBoundingClientRect();
      return screen.right <= space.right && screen.bottom <= space.bottom && screen.left >= space.left && screen.top >= space.top;
    }),
  );
  await page.context().close();
});

test("of several who work in a terminal one decides its size: it is given up as soon as another agent is shown", async () => {
  const agent = await node.create({ name: "size-passed-on", program: "cat" });
  const other = await node.create({ name: "size-elsewhere", program: "cat" });
  const first = await openPage(browser, node);
  await openAgent(first, node, "size-passed-on");
  await first.locator('[data-testid="terminal"][data-phase="live"]').waitFor();
  await first.keyboard.type("a");
  await waitFor("the size of the first", async () => (await agentOf(agent.id)).terminals[0].cols > 120);
  const second = await openPage(browser, node, { viewport: { width: 900, height: 600 } });
  await openAgent(second, node, "size-passed-on");
  await second.getByTestId("take-size").waitFor();
  await waitFor("its echo", async () => (await terminalText(second)).includes("a"));
  await second.keyboard.type("b");
  await waitFor("its echo", async () => (await terminalText(second)).includes("ab"));
  await openAgent(first, node, "size-elsewhere");
  await waitFor("the size of the second", async () => (await agentOf(agent.id)).terminals[0].cols < 100);
  assert.ok((await agentOf(other.id)).running);
  await first.context().close();
  await second.context().close();
});

test("stopping and restarting ask first; a session that was found cannot be stopped here, and says why", async () => {
  const agent = await node.create({ name: "asked-first", program: "cat" });
  node.tmux("new-session", "-d", "-s", "found-here", "cat");
  const page = await openPage(browser, node);
  await openAgent(page, node, "asked-first");
  for (const verb of ["stop", "restart"]) {
    await page.getByTestId(`agent-${verb}`).click();
    assert.match(await page.getByTestId("interrupt-dialog").innerText(), /cat/);
    await page.keyboard.press("Escape");
  }
  assert.ok((await agentOf(agent.id)).running);
  await openAgent(page, node, "found-here");
  const stop = page.getByTestId("agent-stop");
  await waitFor("the reason", async () => (await stop.getAttribute("aria-disabled")) === "true");
  assert.match(await stop.getAttribute("title"), /found in tmux/);
  await stop.click({ force: true });
  assert.equal(await page.getByTestId("interrupt-dialog").count(), 0);
  await page.context().close();
});

test("the header of an agent never overlaps itself, and its own name stays", async () => {
  const segment = "averyveryverylongsegment";
  const agent = await node.create({ name: `${segment}-${segment}-${segment}`, program: "cat" });
  await node.create({ name: "customers-zoom-header", program: "cat" });
  const page = await openPage(browser, node);
  for (const width of [768, 900, 1200, 1440]) {
    await page.setViewportSize({ width, height: 700 });
    await open(page, agent.id);
    await page.getByTestId("rename-button").waitFor();
    const boxes = await page.locator(".agent-header .crumb, .agent-leaf, .agent-state, .agent-header .action").evaluateAll((all) =>
      all.map((element) => element.getBoundingClientRect()).map(({ left, right }) => ({ left, right })),
    );
    for (let at = 1; at < boxes.length; at++) assert.ok(boxes[at].left >= boxes[at - 1].right - 1, `${width}: ${JSON.stringify(boxes)}`);
    assert.ok(boxes.at(-1).right <= width);
    const leaf = await page.getByTestId("rename-button").boundingBox();
    assert.ok(leaf.width > 60, `${width}: ${leaf.width}`);
  }
  await page.context().close();
});

test("a session that is closed while it is shown keeps its name and its last screen", async () => {
  node.tmux("new-session", "-d", "-s", "closed-meanwhile", "sh -c 'echo last words; exec cat'");
  const page = await openPage(browser, node);
  await openAgent(page, node, "closed-meanwhile");
  await waitFor("its screen", async () => (await terminalText(page)).includes("last words"));
  node.tmux("kill-session", "-t", "closed-meanwhile");
  await waitFor("the truth", async () => (await page.getByTestId("agent-view").getAttribute("data-gone")) === "true");
  assert.match(await page.getByTestId("ended-notice").innerText(), /closed-meanwhile is closed/);
  assert.ok((await terminalText(page)).includes("last words"));
  await page.reload();
  await page.getByText("closed-meanwhile is gone").waitFor();
  assert.deepEqual(page.errors, []);
  await page.context().close();
});

test("after a reload the terminal has the keyboard, and its text opens at the end", async () => {
  const agent = await node.create({ name: "reload-keys", program: "sh", args: ["-c", "seq 1 500; exec cat"] });
  const page = await openPage(browser, node);
  await open(page, agent.id);
  await page.reload();
  await waitFor("its screen", async () => (await terminalText(page)).includes("500"));
  await page.keyboard.type("typed at once\n");
  await waitFor("the echo", async () => (await terminalText(page)).includes("typed at once"));
  await page.getByTestId("show-text").click();
  await waitFor("the end of the text", () =>
    page.getByTestId("terminal-text").evaluate((box) => box.scrollTop > 0 && box.scrollTop + box.clientHeight >= box.scrollHeight - 2),
  );
  await page.context().close();
});

test("an agent that waits is answered from the start page", async () => {
  // As programs do that draw a menu, it hides the cursor.
  const question = "printf '\\033[?25lDo you want to proceed?\\n❯ 1. Yes\\n  2. No\\n'; stty raw -echo; head -c 1 > /dev/null; stty sane; echo thanks; exec cat";
  const agent = await node.create({ name: "asks-something", program: "sh", args: ["-c", question] });
  const page = await openPage(browser, node);
  const card = page.locator(`[data-testid="waiting-card"][data-agent-id="${agent.id}"]`);
  await card.waitFor();
  await waitFor("its question", async () => (await card.innerText()).includes("Do you want to proceed?"));
  await card.getByTestId("choice").filter({ hasText: "Yes" }).click();
  await waitFor("the answer", async () => (await node.request("GET", `/api/agents/${agent.id}/screen`)).body.text.includes("thanks"));
  await page.context().close();
});

test("a shell's question is answered with Enter, and the card stays where it was", async () => {
  const ask = "printf 'Go on? (y/n) '; read answer && echo $answer >answer && clear && exec sleep 1000";
  const names = ["asks-a-line", "asks-another"];
  const agents = [];
  const page = await openPage(browser, node);
  for (const name of names) {
    agents.push(await node.create({ name, program: "sh", args: ["-c", ask], directory: node.folder }));
    await page.locator(`[data-testid="waiting-card"][data-agent-id="${agents.at(-1).id}"]`).waitFor();
  }
  const cards = agents.map(({ id }) => page.locator(`[data-testid="waiting-card"][data-agent-id="${id}"]`));
  const [first, second] = cards.map((card) => card.getByTestId("choice").filter({ hasText: "Yes" }));
  await second.waitFor();
  const before = await cards[1].boundingBox();
  await first.click();
  await waitFor("the answer", () => existsSync(join(node.folder, "answer")) && readFileSync(join(node.folder, "answer"), "utf8") === "y\n");
  assert.match(await cards[0].getByTestId("answer-sent").innerText(), /Sent\s+Yes/);
  await waitFor("it waits no longer", async () => !/waiting/.test(await page.locator(`[data-testid="tree-row"][data-agent-id="${agents[0].id}"]`).getAttribute("data-state")));
  assert.deepEqual(await cards[1].boundingBox(), before, "nothing moves under the pointer");
  await page.mouse.move(0, 0);
  await cards[0].waitFor({ state: "detached" });
  await page.context().close();
});

test("Enter in the filter opens the first hit, and all levels that match are marked", async () => {
  const agent = await node.create({ name: "filter-level-hit", program: "cat" });
  const page = await openPage(browser, node);
  await page.getByTestId("tree-row").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("er-level-h");
  await waitFor("the marks", async () => (await page.locator(".tree mark").allInnerTexts()).join("|") === "er|level|h");
  await page.keyboard.press("Enter");
  await waitFor("the agent", () => page.url().includes(agent.id));
  await page.context().close();
});

test("the scroll bar lies beside the last column, not over it", async () => {
  const agent = await node.create({ name: "scroll-bar", program: "sh", args: ["-c", "seq 1 500; exec cat"] });
  for (const options of [{}, PHONE]) {
    const page = await openPage(browser, node, options);
    await open(page, agent.id);
    await waitFor("its screen", async () => (await terminalText(page)).includes("500"));
    const [screen, bar] = await inTerminal(page, (host) =>
      [".xterm-screen", ".scrollbar.vertical"].map((part) => host.querySelector(part).getBoundingClientRect().toJSON()),
    );
    assert.ok(bar.left >= screen.right, `${bar.left} ${screen.right}`);
    await page.context().close();
  }
});

test("full screen is the terminal alone", async () => {
  const agent = await node.create({ name: "full-screen", program: "cat" });
  const page = await openPage(browser, node);
  await open(page, agent.id);
  await page.getByTestId("fullscreen").click();
  await waitFor("only the terminal", async () => !(await page.getByTestId("tree").isVisible()) && !(await page.getByTestId("agent-name").isVisible()));
  await page.keyboard.press("Control+Shift+Enter");
  await page.getByTestId("tree").waitFor();
  await page.context().close();
});

test("colours that programs choose for dark terminals can be read in the light design", async () => {
  const samples = [
    "\\033[7mreversed\\033[0m", "\\033[37;40mwhite on black\\033[0m", "\\033[97mbright white\\033[0m", "\\033[93mbright yellow\\033[0m",
    "\\033[48;5;52mremoved\\033[0m", "\\033[48;5;22madded\\033[0m", "\\033[38;5;9;48;5;52mword removed\\033[0m", "\\033[38;5;10;48;5;22mword added\\033[0m",
    "\\033[48;2;92;23;23m\\033[38;2;220;220;220mtrue red\\033[0m", "\\033[48;2;20;66;30mtrue green\\033[0m", "\\033[41mred\\033[0m", "\\033[42mgreen\\033[0m",
    "\\033[41;37mwhite on red\\033[0m", "\\033[42;30mblack on green\\033[0m", "\\033[48;2;40;40;40mgrey\\033[0m", "\\033[31m-old\\033[0m", "\\033[32m+new\\033[0m", "\\033[90mcomment\\033[0m",
  ];
  const agent = await node.create({ name: "light-colours", program: "sh", args: ["-c", `printf '${samples.join("\\n")}\\nthe end'; exec cat`] });
  const page = await openPage(browser, node, { colorScheme: "light" });
  await open(page, agent.id);
  await waitFor("its screen", async () => (await terminalText(page)).includes("the end"));
  const contrasts = await waitFor("the colours", () =>
    inTerminal(page, (host, count) => {
      const luminance = (color) => {
        const [r, g, b] = color.match(/\d+/g).map((value) => {
          const part = Number(value) / 255;
          return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const spans = [...host.querySelectorAll(".xterm-rows span")].filter((span) => span.textContent.trim() !== "" && span.textContent !== "the end");
      if (spans.length < count) return null;
      return spans.map((span) => {
        const { color, backgroundColor } = getComputedStyle(span);
        const background = backgroundColor === "rgba(0, 0, 0, 0)" ? "rgb(255, 255, 255)" : backgroundColor;
        const [low, high] = [luminance(color), luminance(background)].sort((one, other) => one - other);
        return [span.textContent, Number(((high + 0.05) / (low + 0.05)).toFixed(2)), color, background];
      });
    }, samples.length),
  );
  // On red and green of middle brightness nothing reaches more.
  for (const [what, contrast, ...colours] of contrasts) assert.ok(contrast > (["red", "green", "white on red", "black on green"].includes(what) ? 4.5 : 6.9), JSON.stringify([what, contrast, ...colours, contrasts]));
  await page.context().close();
});

test("a phone shows a desktop's terminal in letters that can be read, with the cursor in view", async () => {
  const agent = await node.create({ name: "phone-reads", program: "sh", args: ["-c", "seq 1 200; printf '%0130d' 7; exec cat"] });
  const desktop = await openPage(browser, node);
  await open(desktop, agent.id);
  await desktop.getByTestId("take-size").click();
  await waitFor("the size of the desktop", async () => (await agentOf(agent.id)).terminals[0].cols > 120);
  const phone = await openPage(browser, node, PHONE);
  await open(phone, agent.id);
  await waitFor("its screen", async () => (await terminalText(phone)).includes("200"));
  await waitFor("the cursor", () =>
    inTerminal(phone, (host) => {
      const { cols, rows, options, buffer } = host.consortTerminal;
      const space = host.parentElement.getBoundingClientRect();
      const screen = host.querySelector(".xterm-screen").getBoundingClientRect();
      const x = screen.left + (buffer.active.cursorX / cols) * screen.width;
      const y = screen.top + (buffer.active.cursorY / rows) * screen.height;
      return options.fontSize >= 11 && x >= space.left && x < space.right && y >= space.top && y < space.bottom;
    }),
  );
  await desktop.context().close();
  await waitFor("its own size again", async () => (await agentOf(agent.id)).terminals[0].cols === agent.terminals[0].cols);
  assert.deepEqual(phone.errors, []);
  await phone.context().close();
});

test("a phone is taught the first step, too", async () => {
  const empty = await new TestNode().start();
  const page = await openPage(browser, empty, PHONE);
  await page.getByTestId("tree").getByTestId("empty-state").waitFor();
  const asks = await empty.create({ name: "asks-on-a-phone", program: "sh", args: ["-c", "printf 'Go on? (y/n) '; read answer; echo thanks; exec cat"] });
  await page.getByTestId("choice").filter({ hasText: "Yes" }).click();
  await waitFor("the answer", async () => (await empty.request("GET", `/api/agents/${asks.id}/screen`)).body.text.includes("thanks"));
  assert.equal(await page.getByTestId("home").count(), 1);
  await page.getByTestId("phone-tabs").getByText("All agents").click();
  await page.getByTestId("tree-row").first().waitFor();
  await page.context().close();
  await empty.stop();
});

test("without a connection nothing lies over the cursor, and what was known is marked as old", async () => {
  const agent = await node.create({ name: "z-last-cut", program: "sh", args: ["-c", "seq 1 200; exec cat"] });
  const page = await openPage(browser, node);
  await open(page, agent.id);
  await waitFor("its screen", async () => (await terminalText(page)).includes("200"));
  await node.kill();
  await page.getByTestId("stale-notice").waitFor();
  const notice = await page.getByTestId("stale-notice").boundingBox();
  const cursorTop = await inTerminal(page, (host) => {
    const screen = host.querySelector(".xterm-screen").getBoundingClientRect();
    return screen.top + (host.consortTerminal.buffer.active.cursorY / host.consortTerminal.rows) * screen.height;
  });
  assert.ok(notice.y + notice.height <= cursorTop, `${JSON.stringify(notice)} ${cursorTop}`);
  assert.match(await page.getByTestId("agent-state").innerText(), /^Last known/);
  await node.start();
  await page.getByTestId("stale-notice").waitFor({ state: "detached" });
  await page.context().close();
});

test("on a far terminal keys are seen before their echo, once that has proven to be right, and a password never is", async () => {
  node.tmux("new-session", "-d", "-s", "far-away", "-x", "80", "-y", "24", "sh -c 'printf \"> \"; read line; stty -echo; printf \"Password: \"; read line; stty echo; echo done; exec cat'");
  const page = await openPage(browser, node);
  // What the machine says takes a while, in order.
  let held = false;
  let release;
  const waiting = [];
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => server.send(data));
    server.onMessage((data) => (held ? waiting.push(data) : setTimeout(() => (held ? waiting.push(data) : socket.send(data)), 150)));
    release = () => {
      held = false;
      for (const data of waiting.splice(0)) socket.send(data);
    };
  });
  await page.reload();
  await openAgent(page, node, "far-away");
  await waitFor("the question", async () => (await terminalText(page)).includes("> "));
  const shown = page.getByTestId("prediction");
  for (const key of ["l", "s"]) {
    const before = await terminalText(page);
    await page.keyboard.press(key);
    await waitFor("its echo", async () => (await terminalText(page)) !== before);
  }
  held = true;
  await page.keyboard.type(" -la");
  assert.equal(await shown.textContent(), " -la", "nothing has come back yet");
  assert.ok(await shown.isVisible());
  const [overlay, screen] = [await shown.boundingBox(), await page.locator(".xterm-screen:visible").boundingBox()];
  const column = (overlay.x - screen.x) / ((overlay.width - 2) / 4);
  assert.ok(Math.abs(column - 4) < 0.2, `it stands behind what is there: column ${column}`);
  release();
  await waitFor("the echo in its place", async () => !(await shown.isVisible()) && (await terminalText(page)).includes("> ls -la"));
  await page.keyboard.press("Enter");
  await waitFor("the password's turn", async () => (await terminalText(page)).includes("Password:"));
  held = true;
  await page.keyboard.type("secret");
  assert.equal(await shown.isVisible(), false);
  release();
  await page.context().close();
});
