// Screens cell by cell: what the page's emulator shows, what tmux has, and where the two differ.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "./harness.mjs";

/** `screenOf` of the differential fuzz, as an expression for a page. */
const SCREEN_OF = readFileSync(join(import.meta.dirname, "../../web/ui/differential/cells.mjs"), "utf8").replaceAll(/^export /gm, "");

/** Screen, history and cursor of the terminal that the page shows (see `screenOf`); null while it shows none. */
export function cells(page) {
  return page.evaluate(`(() => {
    ${SCREEN_OF}
    const hosts = [...document.querySelectorAll('[data-testid="terminal-host"]')];
    const host = hosts.find((candidate) => candidate.consortTerminal && candidate.offsetParent !== null);
    return host ? screenOf(host.consortTerminal) : null;
  })()`);
}

/** The same of a tmux pane, by `capture-pane`, which does not say where a cell ends: each character is one. */
export function tmuxCells(node, target) {
  const format = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{alternate_on}";
  const [cols, rows, x, y, alternate] = node.tmux("display-message", "-p", "-t", target, format).split(" ").map(Number);
  const history = captured(node.tmux("capture-pane", "-p", "-e", "-N", "-S", "-", "-t", target));
  const screen = history.splice(history.length - rows);
  const normal = alternate ? captured(node.tmux("capture-pane", "-p", "-e", "-N", "-a", "-t", target)) : null;
  return { cols, rows, cursor: [x, y], history, screen, normal };
}

/** The first thing in which two screens differ, or null. Compares characters and how they look, gaps as spaces. */
export function difference(one, other) {
  for (const name of ["cols", "rows", "cursor"]) {
    if (`${one[name]}` !== `${other[name]}`) return `${name}: ${one[name]} and ${other[name]}`;
  }
  for (const name of ["screen", "normal", "history"]) {
    const [own, others] = [one[name] ?? [], other[name] ?? []];
    if (own.length !== others.length) return `${name}: ${own.length} and ${others.length} rows`;
    for (let row = 0; row < own.length; row++) {
      const [a, b] = [characters(own[row]), characters(others[row])];
      const column = Array.from({ length: Math.max(a.length, b.length) }, (_, at) => at).find((at) => (a[at] ?? " ") !== (b[at] ?? " "));
      if (column !== undefined) return `${name} row ${row} at ${column}: ${JSON.stringify(a.join(""))} and ${JSON.stringify(b.join(""))}`;
    }
  }
  return null;
}

/** Waits until the page shows what `authority` has, cell by cell. */
export async function waitUntilSame(what, page, authority) {
  let found;
  try {
    await waitFor(what, async () => {
      const shown = await cells(page);
      found = shown === null ? "nothing is shown" : difference(shown, await authority());
      return found === null;
    });
  } catch (error) {
    throw new Error(`${error.message}: ${found}`);
  }
}

/** Each character with its look; nothing of a blank's foreground is seen. */
function characters(row) {
  const all = row.flatMap(([text, , pen]) => [...text].map((character) => {
    const [foreground = "", background = "", attributes = ""] = pen.split("|");
    const look = character === " " && !/[uvso]/.test(attributes) ? background : pen;
    return look === "" || look === "||" ? character : `${character}{${look}}`;
  }));
  while (all.at(-1) === " ") all.pop();
  return all;
}

const STYLES = { 1: "b", 2: "d", 3: "i", 4: "u", 5: "k", 7: "v", 8: "h", 9: "s", 53: "o" };

function captured(text) {
  let [foreground, background, attributes, drawing] = ["", "", new Set(), false];
  const sgr = (parameters) => {
    const numbers = parameters.split(";");
    while (numbers.length > 0) {
      const [code, style] = numbers.shift().split(":").map(Number);
      if (code === 0) [foreground, background, attributes] = ["", "", new Set()];
      else if (code === 4 && style === 0) attributes.delete("u");
      else if (STYLES[code]) attributes.add(STYLES[code]);
      else if (code >= 30 && code <= 37) foreground = `${code - 30}`;
      else if (code >= 90 && code <= 97) foreground = `${code - 82}`;
      else if (code >= 40 && code <= 47) background = `${code - 40}`;
      else if (code >= 100 && code <= 107) background = `${code - 92}`;
      else if (code === 39) foreground = "";
      else if (code === 49) background = "";
      else if (code === 38 || code === 48 || code === 58) {
        const colour = numbers.shift() === "5" ? numbers.shift() : `#${numbers.splice(0, 3).map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;
        if (code === 38) foreground = colour;
        if (code === 48) background = colour;
      }
    }
  };
  const lines = text.replace(/\n$/, "").split("\n");
  return lines.map((line) => {
    const row = [];
    for (const [part, parameters] of line.matchAll(/\x1b\[([\d;:]*)m|\x1b\][^\x1b]*\x1b\\|[\s\S]/gu)) {
      if (parameters !== undefined) sgr(parameters);
      else if (part === "\x0e" || part === "\x0f") drawing = part === "\x0e";
      else if (!part.startsWith("\x1b")) {
        const pen = `${foreground}|${background}|${[..."bdiukvhso"].filter((letter) => attributes.has(letter)).join("")}`;
        row.push([drawing ? drawn(part) : part, 1, pen === "||" ? "" : pen]);
      }
    }
    return row;
  });
}

const DRAWN = [..."◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"];

function drawn(character) {
  return DRAWN[character.codePointAt(0) - 0x60] ?? character;
}
