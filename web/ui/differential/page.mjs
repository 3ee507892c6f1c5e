// The part of the differential fuzz that is on a page: terminals as the dashboard has them.

import { screenOf } from "./cells.mjs";
import { TerminalView } from "../src/terminal/terminal-view.ts";
import { DARK_TERMINAL } from "../src/terminal/theme.ts";

const LOOK = { fontPx: 13, theme: DARK_TERMINAL, dark: true, screenReader: false, accelerated: false };
const nothing = () => undefined;
const LISTENER = {
  typed: nothing, pasted: nothing, reported: nothing, key: () => false, clipboard: nothing, link: nothing, scrolled: nothing,
  moved: nothing, searchResults: nothing, pinched: nothing,
};

let fail = nothing;
addEventListener("error", ({ message }) => fail(new Error(message)));

const decode = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Does the steps on a fresh terminal; what is shown at each look. */
export async function show(steps) {
  const view = new TerminalView(LOOK, LISTENER);
  view.show(document.body);
  const done = (act) => new Promise((processed, failed) => {
    fail = failed;
    act(processed);
  });
  const looks = [];
  try {
    for (const step of steps) {
      if (step.replace) {
        const [cols, rows, bytes] = step.replace;
        await done((processed) => view.replace({ cols, rows }, decode(bytes), processed));
      } else if (step.append !== undefined) {
        await done((processed) => view.append(decode(step.append), processed));
      } else {
        looks.push(screenOf(view.xterm));
      }
    }
  } finally {
    view.dispose();
    view.host.remove();
  }
  return looks;
}
