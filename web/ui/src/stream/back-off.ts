// How long to wait before the next attempt to connect.

const FIRST_MS = 300;
const LARGEST_MS = 10_000;

/** Doubles from 0.3 s to 10 s, each delay drawn between half and the whole of it so that tabs do not march in step. */
export class BackOff {
  private attempts = 0;

  constructor(private readonly random: () => number = Math.random) {}

  nextDelayMs(): number {
    const ceiling = Math.min(LARGEST_MS, FIRST_MS * 2 ** Math.min(this.attempts, 16));
    this.attempts += 1;
    return Math.round(ceiling * (0.5 + 0.5 * this.random()));
  }

  reset(): void {
    this.attempts = 0;
  }
}
