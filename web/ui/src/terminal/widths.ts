// How many columns characters take and how they join: as the owner of the terminal says at the head of each snapshot.

import type { IBuffer, Terminal } from "@xterm/xterm";
import { bytesOfCell } from "./internals";

/** The private command that carries the table, or what else the owner does; no program can print it. */
export const WIDTHS_OSC = 7117;

/** What is erased does not go to the history. */
const ERASE_IN_PLACE = "erase-in-place";

const VERSION = "owner";
/** Bytes of a cell's characters that tmux keeps. */
const CELL_BYTES = 21;
const ZERO_WIDTH_JOINER = 0x200d;
const EMOJI_VARIATION = 0xfe0f;

/**
 * Which characters share a cell. `zero-width`: those of no width join the one before them. `joiner`: so does what follows a
 * zero width joiner. `clusters`: so do skin tones and regional indicators, which widen, as an emoji variation selector does.
 */
type Join = "zero-width" | "joiner" | "clusters";

export interface WidthTable {
  readonly join: Join;
  /** Where runs of the same width begin. */
  readonly starts: Uint32Array;
  readonly widths: Uint8Array;
}

/** Reads `join;base64`; null for anything else. */
export function readWidthTable(data: string): WidthTable | null {
  const [join, encoded = ""] = data.split(";");
  if (join !== "zero-width" && join !== "joiner" && join !== "clusters") return null;
  const starts: number[] = [];
  const widths: number[] = [];
  let start = 0;
  let number = 0;
  let scale = 1;
  try {
    for (const char of atob(encoded)) {
      const byte = char.charCodeAt(0);
      number += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      starts.push(start);
      widths.push(Math.min(number & 3, 2));
      start += number >>> 2;
      [number, scale] = [0, 1];
    }
  } catch {
    return null;
  }
  return start === 0 ? null : { join, starts: Uint32Array.from(starts), widths: Uint8Array.from(widths) };
}

/** Makes the terminal count by the tables that arrive; before the first one it counts as before. */
export function countByOwnersWidths(
  { parser, unicode, buffer }: Pick<Terminal, "parser" | "unicode" | "buffer">,
  arrived: (table: WidthTable) => void,
  erasesInPlace: () => void,
): void {
  let counter: WidthCounter | null = null;
  parser.registerOscHandler(WIDTHS_OSC, (data) => {
    if (data === ERASE_IN_PLACE) erasesInPlace();
    const table = readWidthTable(data);
    if (table === null) return true;
    arrived(table);
    if (counter === null) {
      counter = new WidthCounter(table, () => buffer.active);
      unicode.register(counter);
      unicode.activeVersion = VERSION;
    } else {
      counter.table = table;
    }
    return true;
  });
}

/**
 * xterm's view of a character that was printed: bit 0 says that it joined, bits 1 and 2 are its columns, what is above is ours.
 * Ours are: the cell ends with a zero width joiner, and how many bytes its characters have. 0: something else came in between.
 */
const properties = (joined: boolean, columns: number, zwj: boolean, bytes: number): number =>
  (Math.min(bytes, 255) << 4) | (zwj ? 8 : 0) | (columns << 1) | (joined ? 1 : 0);

class WidthCounter {
  readonly version = VERSION;
  /** The widths of the first characters, which are most. */
  private low = new Uint8Array(0);
  private current!: WidthTable;

  constructor(table: WidthTable, private readonly active: () => IBuffer) {
    this.table = table;
  }

  set table(table: WidthTable) {
    this.current = table;
    this.low = Uint8Array.from({ length: 0x800 }, (_, codepoint) => this.lookUp(codepoint));
  }

  wcwidth(codepoint: number): 0 | 1 | 2 {
    return (codepoint < this.low.length ? this.low[codepoint] : this.lookUp(codepoint)) as 0 | 1 | 2;
  }

  charProperties(codepoint: number, preceding: number): number {
    // Before 3.4 a joiner takes ASCII along too; the node sends it only where it does.
    const joinsAscii = this.current.join === "joiner" && (preceding & 8) !== 0;
    if (codepoint < 0x80 && !joinsAscii) return properties(false, 1, false, 1);
    const width = this.wcwidth(codepoint);
    const bytes = codepoint < 0x80 ? 1 : codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    const zwj = codepoint === ZERO_WIDTH_JOINER;
    const alone = properties(false, width, false, bytes);
    const zero = width === 0 || zwj;
    if (this.current.join === "zero-width") {
      return zero ? properties(true, (preceding >> 1) & 3, false, (preceding >> 4) + bytes) : alone;
    }
    if (preceding === 0) return this.behindOther(codepoint, width, bytes, zero);
    return this.joined(codepoint, preceding, (preceding >> 1) & 3, bytes, zero) ?? alone;
  }

  /** After a sequence, the cell left of the cursor decides. What xterm is told then is only by how much it moves on. */
  private behindOther(codepoint: number, width: number, bytes: number, zero: boolean): number {
    const buffer = this.active();
    const row = buffer.getLine(buffer.baseY + buffer.cursorY);
    const left = row?.getCell(buffer.cursorX - 1);
    const behind = left?.getWidth() === 0 ? 2 : 1;
    const cell = behind === 2 ? row?.getCell(buffer.cursorX - 2) : left;
    const alone = properties(false, width, false, bytes);
    if (cell === undefined) return alone;
    // Since 3.4 only right behind it.
    if (this.current.join === "clusters" && cell.getWidth() !== behind) return alone;
    const text = cell.getChars();
    // With the older rule a joiner and what it joins come together.
    const zwj = this.current.join === "clusters" && text.endsWith("\u200d");
    const before = properties(false, cell.getWidth(), zwj, bytesOfCell(cell) || 1);
    const joined = this.joined(codepoint, before, cell.getWidth(), bytes, zero);
    return joined === null ? alone : properties(true, ((joined >> 1) & 3) - cell.getWidth(), (joined & 8) !== 0, joined >> 4);
  }

  /** The properties of the cell if the character joins it. */
  private joined(codepoint: number, before: number, columns: number, bytes: number, zero: boolean): number | null {
    const had = before >> 4;
    const zwj = codepoint === ZERO_WIDTH_JOINER;
    const afterJoiner = (before & 8) !== 0;
    if (this.current.join === "joiner") {
      return zero || afterJoiner ? properties(true, columns, zwj, had + bytes) : null;
    }
    if (had + bytes > CELL_BYTES) return null;
    const modifier = isModifier(codepoint) && had > 1;
    const variation = codepoint === EMOJI_VARIATION;
    if (!zero && !variation && !modifier && !afterJoiner) return null;
    return properties(true, variation || modifier ? 2 : columns, zwj, had + bytes);
  }

  private lookUp(codepoint: number): number {
    const { starts, widths } = this.current;
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= codepoint) low = middle;
      else high = middle;
    }
    return widths[low] ?? 1;
  }
}

/** A skin tone or a regional indicator. */
function isModifier(codepoint: number): boolean {
  return (codepoint >= 0x1f1e6 && codepoint <= 0x1f1ff) || (codepoint >= 0x1f3fb && codepoint <= 0x1f3ff);
}
