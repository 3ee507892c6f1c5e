// Keeps the browser from answering the program's questions: the owner of the terminal does, exactly once.

import type { IDisposable, IFunctionIdentifier, Terminal } from "@xterm/xterm";

type Parser = Pick<Terminal, "parser">;

/** CSI sequences that xterm would answer, or might in a later version. */
const CSI_QUERIES: readonly IFunctionIdentifier[] = [
  { final: "c" }, // DA1
  { prefix: ">", final: "c" }, // DA2
  { prefix: "=", final: "c" }, // DA3
  { final: "n" }, // DSR, CPR
  { prefix: "?", final: "n" }, // DECXCPR, colour scheme
  { intermediates: "$", final: "p" }, // DECRQM (ANSI)
  { prefix: "?", intermediates: "$", final: "p" }, // DECRQM (DEC)
  { prefix: ">", final: "q" }, // XTVERSION
  { prefix: "?", final: "u" }, // kitty keyboard
  { prefix: "?", final: "S" }, // XTSMGRAPHICS
  { intermediates: "*", final: "y" }, // DECRQCRA
  { intermediates: "$", final: "u" }, // DECRQTSR
  { intermediates: "&", final: "u" }, // DECRQUPSS
  { intermediates: "$", final: "w" }, // DECRQPSR
  { intermediates: "'", final: "|" }, // DECRQLP
  { final: "x" }, // DECREQTPARM
  { final: "t" }, // window reports; the other window operations mean nothing here
];

const DCS_QUERIES: readonly IFunctionIdentifier[] = [
  { intermediates: "$", final: "q" }, // DECRQSS
  { intermediates: "+", final: "q" }, // XTGETTCAP
];

/** OSC numbers where a `?` in place of a value asks for it. Setting a value stays possible. */
const OSC_COLORS: readonly number[] = [4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21];

export function swallowQueries({ parser }: Parser): IDisposable {
  const handlers = [
    ...CSI_QUERIES.map((id) => parser.registerCsiHandler(id, () => true)),
    ...DCS_QUERIES.map((id) => parser.registerDcsHandler(id, () => true)),
    ...OSC_COLORS.map((number) => parser.registerOscHandler(number, (data) => data.split(";").includes("?"))),
  ];
  return { dispose: () => handlers.forEach((handler) => handler.dispose()) };
}

/**
 * Turning focus reports on makes xterm send one at once. In a snapshot that would be typed into the program at each
 * attach. Returns a test for "this report was caused by output": it holds until the task that parsed it has ended.
 */
export function watchModeChanges({ parser }: Parser): () => boolean {
  let parsing = false;
  parser.registerCsiHandler({ prefix: "?", final: "h" }, () => {
    parsing = true;
    queueMicrotask(() => (parsing = false));
    return false;
  });
  return () => parsing;
}
