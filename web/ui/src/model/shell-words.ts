// Splits a command line into arguments as a POSIX shell does with quotes; nothing is expanded. Pure.

export type ShellWords = { readonly words: string[] } | { readonly problem: string };

const WORD = /[^\s'"\\]/;

export function splitShellWords(line: string): ShellWords {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'") {
      const end = line.indexOf("'", at + 1);
      if (end === -1) return { problem: "A ' is not closed." };
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      const quoted = readDoubleQuoted(line, at + 1);
      if (quoted === null) return { problem: 'A " is not closed.' };
      word = (word ?? "") + quoted.text;
      at = quoted.end;
    } else if (char === "\\") {
      if (at + 1 === line.length) return { problem: "A \\ at the end escapes nothing." };
      word = (word ?? "") + line[++at]!;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (word !== null) words.push(word);
  return { words };
}

/** The inverse of `splitShellWords`, for showing. */
export function joinShellWords(words: readonly string[]): string {
  return words.map((word) => (isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

function readDoubleQuoted(line: string, start: number): { text: string; end: number } | null {
  let text = "";
  for (let at = start; at < line.length; at++) {
    const char = line[at]!;
    if (char === '"') return { text, end: at };
    const next = line[at + 1];
    if (char === "\\" && next !== undefined && '"\\$`'.includes(next)) {
      text += next;
      at++;
    } else {
      text += char;
    }
  }
  return null;
}

function isPlain(word: string): boolean {
  return word !== "" && [...word].every((char) => WORD.test(char));
}
