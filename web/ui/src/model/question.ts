// Picks from the text of a screen what is asked: the question with what it is about, without the frames around it. Pure.

import type { Choice, Question as Asked } from "../protocol/types";

/** What a card shows of a terminal that asks. */
export interface Question {
  /** Everything that is known, from the oldest line on. */
  readonly lines: readonly string[];
  /** Where what is asked begins, as far as that can be seen. */
  readonly start: number;
  /** The first line that is shown at first. */
  readonly shown: number;
  /** A frame, or a line across the screen, shows where it begins. */
  readonly framed: boolean;
}

/** Of a question in a frame, or below a line across the screen, this much is shown at first; of another one, whose beginning is not known, less. */
const MOST_FRAMED = 40;
const MOST_UNFRAMED = 16;
const SHORTEST_RULE = 20;

const TOP = /^[\s│┃║▌▏]*[╭┌┏╔][─━═╌┄┈].*$/u;
const BOTTOM = /^[\s│┃║▌▏]*[╰└┗╚][─━═╌┄┈].*$/u;
const RULE = /^\s*([─━═▔▁])\1+\s*$/u;
const FRAME_ONLY = /^[\s─━═╌┄┈│┃║╭╮╰╯┌┐└┘┏┓┗┛╔╗╚╝├┤┣┫╠╣▔▁]+$/u;
/** A title within the upper edge of a frame. */
const TITLE = /^[\s│┃║]*[╭┌┏╔][─━═╌┄┈]+\s*(.*?)\s*[─━═╌┄┈]*[╮┐┓╗]?[\s│┃║]*$/u;
const LEFT_EDGE = /^\s*[│┃║▌▏](?:\s|(?=[│┃║╭┌┏╔╰└┗╚├]))/u;
const RIGHT_EDGE = /(?<=\s)[│┃║▐▕]\s*$/u;

/**
 * What is asked in a text that ends with the visible `screen`. `why`: the reason that the agent's state gives, which quotes the
 * question. `cols`: how wide the terminal is, 0 if that is not known.
 */
export function questionIn(text: string, screen: string, why: string, cols = 0): Question {
  // A line of the screen may be joined to one before it: then all of the screen is shown, and no less.
  const raw = unwrapped(linesOf(text), cols);
  const begin = beginning(raw, /^“(.+?)…?”$/u.exec(why)?.[1] ?? "");
  const visible = Math.max(0, raw.length - unwrapped(linesOf(screen), cols).length);
  const lines: string[] = [];
  let [start, seen] = [0, 0];
  raw.forEach((line, at) => {
    if (at === begin) start = lines.length;
    if (at === visible) seen = lines.length;
    const content = contentOf(line);
    if (content === null || (content === "" && (lines.at(-1) ?? "") === "")) return;
    lines.push(content);
  });
  if (begin === null) start = seen;
  while (lines[start] === "") start += 1;
  const framed = begin !== null;
  return { lines: dedented(lines, start), start, shown: Math.max(start, lines.length - (framed ? MOST_FRAMED : MOST_UNFRAMED)), framed };
}

/** What is known of a question while nobody has read its screen. */
export function askedWithoutScreen({ text, detail }: Pick<Asked, "text" | "detail">): string {
  return [detail, text].filter((part) => part !== "").join("\n");
}

/** The menu of a question on the screen, whose choices are shown otherwise. */
export interface Menu {
  /** Where it begins; the end of the lines if it is not found whole. */
  readonly begin: number;
  /** For each choice the words below it; empty: there are none. */
  readonly descriptions: readonly string[];
}

export function menuOf({ lines, start }: Question, choices: readonly Choice[]): Menu {
  const none: Menu = { begin: lines.length, descriptions: choices.map(() => "") };
  // Others are keys, which the screen names elsewhere or not at all.
  const numbered = choices.filter(({ key }) => /^\d+$/.test(key));
  const places: number[] = [];
  for (let at = numbered.length - 1, from = lines.length; at >= 0; at--) {
    from = lines.slice(0, from).findLastIndex((line) => isChoice(line, numbered[at]!));
    if (from <= start) return none;
    places.unshift(from);
  }
  if (places.length === 0) return none;
  const descriptionOf = (at: number): string => (at === -1 ? "" : describedAt(lines, places[at]!, places[at + 1] ?? lines.length));
  let begin = places[0]!;
  while (begin > start && lines[begin - 1] === "") begin -= 1;
  return begin <= start ? none : { begin, descriptions: choices.map((choice) => descriptionOf(numbered.indexOf(choice))) };
}

/** The lines below a choice that begin no further left than its number; not the button that ends a menu. */
function describedAt(lines: readonly string[], place: number, end: number): string {
  const indent = lines[place]!.search(/\d/u);
  const below = lines.slice(place + 1, end);
  const count = below.findIndex((line) => line === "" || line.trim() === "Submit" || line.search(/\S/) < Math.max(1, indent));
  return below.slice(0, count === -1 ? below.length : count).map((line) => line.trim()).join(" ");
}

/** A line of a menu: a marker, the number, and as much of the label as the line has room for. */
function isChoice(line: string, { key, label }: Choice): boolean {
  const [, number, words] = /^\W{0,4}(\d+)[.)]\s+(.*?)\s*$/u.exec(line) ?? [];
  return number === key && words !== undefined && words !== "" && (label.startsWith(words) || words.startsWith(label));
}

function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The lines as they were written, where the terminal had no room for all of one and went on in the next. */
function unwrapped(lines: readonly string[], cols: number): string[] {
  const whole: string[] = [];
  let full = false;
  for (const line of lines) {
    if (full && /^ ?\S/.test(line) && !isEdge(line)) whole.push(whole.pop()! + line);
    else whole.push(line);
    full = cols > 0 && columnsOf(line) >= cols && !isEdge(line);
  }
  return whole;
}

function isEdge(line: string): boolean {
  return FRAME_ONLY.test(line) || TOP.test(line) || BOTTOM.test(line) || LEFT_EDGE.test(line);
}

const WIDE = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{Emoji_Presentation}]/u;

function columnsOf(line: string): number {
  return [...line].reduce((columns, char) => columns + (WIDE.test(char) ? 2 : /\p{M}/u.test(char) ? 0 : 1), 0);
}

/** The upper edge of the outermost frame around the end of the screen, or the line across it; `null` if there is neither. */
function beginning(raw: readonly string[], asked: string): number | null {
  let depth = 0;
  let hasAsked = asked === "";
  let hasContent = false;
  for (let at = raw.length - 1; at >= 0; at--) {
    const line = raw[at]!;
    if (BOTTOM.test(line)) depth += 1;
    else if (TOP.test(line)) {
      depth = Math.max(0, depth - 1);
      if (depth === 0 && hasAsked && hasContent) return at;
    } else if (depth === 0 && hasAsked && hasContent && RULE.test(line) && line.trim().length >= SHORTEST_RULE) return at;
    else if (!FRAME_ONLY.test(line) && line !== "") {
      hasContent = true;
      // A line that was too long for the frame is broken: its beginning is enough.
      hasAsked ||= line.includes(asked) || asked.startsWith(contentOf(line) ?? "\n");
    }
  }
  return null;
}

/** A line without edges of frames; `null` if it is nothing else. */
function contentOf(line: string): string | null {
  if (line === "") return "";
  const title = TITLE.exec(line)?.[1];
  if (title !== undefined) return title === "" ? null : title;
  if (FRAME_ONLY.test(line)) return /[─━═╌┄┈▔▁]/u.test(line) ? null : "";
  let content = line;
  while (LEFT_EDGE.test(content)) content = content.replace(LEFT_EDGE, "").replace(RIGHT_EDGE, "").trimEnd();
  return content.replace(RIGHT_EDGE, "").trimEnd();
}

/** Without the indentation that all lines of the question have. */
function dedented(lines: readonly string[], start: number): string[] {
  const indents = lines.slice(start).filter((line) => line !== "").map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents, 80);
  return lines.map((line, at) => (at < start ? line : line.slice(indent)));
}
