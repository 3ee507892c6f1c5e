// Requests to an emulator, one JSON object per line, each answered with one. The same for the headless emulator and the page's.
//
// A request is {"steps": [...]}, done on one fresh emulator: {"replace": [cols, rows, base64]}, {"append": base64},
// or {"look": true}. The answer is {"looks": [...]}, what was shown at each look (see cells.mjs), or {"error": "…"}.

import { createInterface } from "node:readline";

/** Answers until there are no more requests. */
export async function answerAll(answer) {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await answer(JSON.parse(line)).catch((error) => ({ error: `${error}` }));
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
