// The keys that answer most questions of agents: what is typed is exactly what the label says. Pure.

export interface QuickAnswer {
  readonly label: string;
  readonly name: string;
  readonly text: string;
}

const ENTER: QuickAnswer = { label: "Enter", name: "Press Enter", text: "\r" };

/** For a program that takes single keys: a menu, or a dialog of an agent. */
export const QUICK_ANSWERS: readonly QuickAnswer[] = [...["y", "n", "1", "2"].map((key) => ({ label: key, name: `Type ${key}`, text: key })), ENTER];

/** For a question whose answer is a line: without Enter nobody reads it. */
const LINES: readonly QuickAnswer[] = [
  ...["y", "n"].map((key) => ({ label: `${key} Enter`, name: `Type ${key} and press Enter`, text: `${key}\r` })),
  ENTER,
];

const FRAME = /^[\s─━═│┃║╭╮╰╯┌┐└┘├┤▀-▟]+|[\s─━═│┃║╭╮╰╯┌┐└┘├┤▀-▟]+$/gu;
const ONE_KEY = /any key|^[❯›●]/iu;
const SECRET = /pass(word|phrase)/iu;

/**
 * What can be answered to a question. `why`: the reason that the agent's state gives, which quotes it; `screen`: its visible text, empty
 * while it is not known. A question that is the last line of the screen, behind which the cursor stands, wants a line.
 */
export function answersTo(why: string, screen: string): readonly QuickAnswer[] {
  const asked = /^“(.+?)…?”$/u.exec(why)?.[1];
  if (asked === undefined) return QUICK_ANSWERS;
  if (SECRET.test(asked)) return [];
  const last = screen.split("\n").map((line) => line.replaceAll(FRAME, "")).findLast((line) => line !== "");
  return last?.startsWith(asked) === true && !ONE_KEY.test(last) ? LINES : QUICK_ANSWERS;
}
