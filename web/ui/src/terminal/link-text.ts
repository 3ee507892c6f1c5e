// What a person reads where a link is: its text, and the rest of the word that it is a part of. Pure.

import type { IBuffer, IBufferLine, IBufferRange } from "@xterm/xterm";

/** A link may cover only a part of an address that is seen; an address may run over several rows. */
const ROWS = 8;

export function wordAround(buffer: Pick<IBuffer, "getLine">, { start, end }: IBufferRange): string {
  let before = "";
  for (let cell = previous(buffer, start.x - 1, start.y - 1), rows = 0; cell !== null && rows < ROWS; ) {
    const chars = charsAt(buffer, cell);
    if (/^\s*$/.test(chars) && !isSecondHalf(buffer, cell)) break;
    before = chars + before;
    const next = previous(buffer, cell.x, cell.y);
    if (next !== null && next.y !== cell.y) rows += 1;
    cell = next;
  }
  let text = "";
  for (let y = start.y - 1; y <= end.y - 1; y++) {
    const line = buffer.getLine(y);
    if (line === undefined) break;
    text += line.translateToString(false, y === start.y - 1 ? start.x - 1 : 0, y === end.y - 1 ? end.x : line.length);
  }
  let after = "";
  for (let cell = next(buffer, end.x - 1, end.y - 1), rows = 0; cell !== null && rows < ROWS; ) {
    const chars = charsAt(buffer, cell);
    if (/^\s*$/.test(chars) && !isSecondHalf(buffer, cell)) break;
    after += chars;
    const following = next(buffer, cell.x, cell.y);
    if (following !== null && following.y !== cell.y) rows += 1;
    cell = following;
  }
  return before + text + after;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

function previous(buffer: Pick<IBuffer, "getLine">, x: number, y: number): Place | null {
  if (x > 0) return { x: x - 1, y };
  const above = buffer.getLine(y)?.isWrapped === true ? buffer.getLine(y - 1) : undefined;
  return above === undefined ? null : { x: above.length - 1, y: y - 1 };
}

function next(buffer: Pick<IBuffer, "getLine">, x: number, y: number): Place | null {
  const line: IBufferLine | undefined = buffer.getLine(y);
  if (line === undefined) return null;
  if (x + 1 < line.length) return { x: x + 1, y };
  return buffer.getLine(y + 1)?.isWrapped === true ? { x: 0, y: y + 1 } : null;
}

function charsAt(buffer: Pick<IBuffer, "getLine">, { x, y }: Place): string {
  return buffer.getLine(y)?.getCell(x)?.getChars() ?? "";
}

/** The second cell of a wide character holds nothing. */
function isSecondHalf(buffer: Pick<IBuffer, "getLine">, { x, y }: Place): boolean {
  return buffer.getLine(y)?.getCell(x)?.getWidth() === 0;
}
