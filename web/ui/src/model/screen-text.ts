// Picks from the text of a screen what matters: its end. Pure.

const LINE_OR_BOX = /^[\s─━═│┃║╭╮╰╯┌┐└┘├┤]*$/u;

/** The last `count` lines that are not empty or mere frames, without the indentation that all of them have. */
export function lastLines(text: string, count: number): string {
  const lines = text.split("\n").map((line) => line.trimEnd()).filter((line) => !LINE_OR_BOX.test(line)).slice(-count);
  const indent = Math.min(...lines.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join("\n");
}
