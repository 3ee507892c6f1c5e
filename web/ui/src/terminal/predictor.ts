// What keys will probably show on a far terminal, so that they can be seen at once. Nothing is ever written into the terminal: whoever
// shows a prediction lays it over the screen, until the echo has come. After Mosh (Winstein and Balakrishnan, USENIX ATC 2012): only
// what has proven to be right since the last line is shown, so nothing of a password is.

import type { Terminal } from "@xterm/xterm";

/** Text that is expected on the screen, in one line. */
export interface Prediction {
  readonly column: number;
  /** From the top of what is visible. */
  readonly row: number;
  readonly text: string;
}

/** An echo that comes sooner is not missed. */
const FAR_MS = 50;
/** So many keys must have been echoed as expected since the last line. */
const PROOF = 2;
/** A key without an echo by then has none. */
const PATIENCE_MS = 1_000;
const PATIENCE_ECHOES = 3;

interface Key {
  readonly char: string;
  readonly x: number;
  /** In the buffer, scrollback included. */
  readonly y: number;
  /** What stood there. */
  readonly before: string;
  readonly at: number;
}

export class Predictor {
  /** Keys without an echo, in order and side by side. */
  private run: Key[] = [];
  /** The next key follows the last one of the run. */
  private open = false;
  private proven = 0;
  private echoMs = 0;

  constructor(private readonly xterm: Terminal) {}

  /** A key is sent. `settled`: the owner has everything that was typed before, so that the cursor is where the key will land. */
  typed(text: string, now: number, settled: boolean): void {
    if (!/^[\x20-\x7e]$/.test(text)) {
      this.open = false;
      if (/[\r\n\x03\x04]/.test(text)) this.forget();
      return;
    }
    if (settled && this.run.length === 0) this.open = true;
    if (!this.open) return;
    const { cursorX, cursorY, baseY } = this.xterm.buffer.active;
    const last = this.run.at(-1);
    const [x, y] = last === undefined ? [cursorX, baseY + cursorY] : [last.x + 1, last.y];
    // What happens in the last column is the program's affair.
    if (x >= this.xterm.cols - 1) this.open = false;
    else this.run.push({ char: text, x, y, before: this.charAt(x, y), at: now });
  }

  /** Output was parsed: what of it was expected? */
  parsed(now: number): void {
    for (let key = this.run[0]; key !== undefined; key = this.run[0]) {
      const there = this.charAt(key.x, key.y);
      if (there === key.char && this.isBeforeCursor(key)) {
        this.run.shift();
        this.proven += 1;
        const took = now - key.at;
        this.echoMs = this.echoMs === 0 ? took : this.echoMs * 0.7 + took * 0.3;
      } else if (there !== key.before && there !== key.char) {
        return this.forget();
      } else {
        return;
      }
    }
  }

  /** Whether keys without an echo were given up. */
  expire(now: number): boolean {
    const first = this.run[0];
    const late = first !== undefined && now - first.at >= this.patienceMs;
    if (late) this.forget();
    return late;
  }

  get patienceMs(): number {
    return Math.max(PATIENCE_MS, this.echoMs * PATIENCE_ECHOES);
  }

  /** Nothing is expected any more, and nothing is proven. */
  forget(): void {
    this.run = [];
    this.open = false;
    this.proven = 0;
  }

  /** What can be shown. */
  shown(): Prediction | null {
    const first = this.run[0];
    if (first === undefined || this.proven < PROOF || this.echoMs < FAR_MS) return null;
    const row = first.y - this.xterm.buffer.active.viewportY;
    if (row < 0 || row >= this.xterm.rows) return null;
    return { column: first.x, row, text: this.run.map(({ char }) => char).join("") };
  }

  private charAt(x: number, y: number): string {
    return this.xterm.buffer.active.getLine(y)?.getCell(x)?.getChars() || " ";
  }

  private isBeforeCursor({ x, y }: Key): boolean {
    const { cursorX, cursorY, baseY } = this.xterm.buffer.active;
    return baseY + cursorY > y || (baseY + cursorY === y && cursorX > x);
  }
}
