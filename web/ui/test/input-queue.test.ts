// The rules of numbered input: each byte is written exactly once and in order, or the user is told.

import { describe, expect, it } from "vitest";
import { InputQueue, type InputChunk, type InputLoss } from "../src/stream/input-queue";

const LIMITS = { chunkBytes: 16, windowBytes: 64, queueBytes: 1000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (chunks: readonly InputChunk[]): string[] => chunks.map((chunk) => new TextDecoder().decode(chunk.bytes));

function queueWith(...typed: string[]): InputQueue {
  const queue = new InputQueue(LIMITS);
  queue.resumed(0, true);
  for (const text of typed) queue.push(bytes(text));
  return queue;
}

describe("numbering", () => {
  it("counts inputs from 1", () => {
    const queue = queueWith("a");
    expect(queue.takeSendable()).toMatchObject([{ seq: 1 }]);
    queue.push(bytes("b"));
    expect(queue.takeSendable()).toMatchObject([{ seq: 2 }]);
  });

  it("goes on after what this viewer wrote before a reload", () => {
    const queue = new InputQueue(LIMITS);
    queue.resumed(41, true);
    queue.push(bytes("a"));
    expect(queue.takeSendable()).toMatchObject([{ seq: 42 }]);
  });

  it("joins keystrokes that wait behind a full window, up to one chunk", () => {
    const queue = queueWith("abc", "def", "0123456789", "x");
    expect(texts(queue.takeSendable())).toEqual(["abcdef0123456789", "x"]);
  });

  it("cuts a large paste into chunks", () => {
    expect(texts(queueWith("0123456789abcdefXYZ").takeSendable())).toEqual(["0123456789abcdef", "XYZ"]);
  });
});

describe("window", () => {
  it("has at most one window unacknowledged", () => {
    const queue = queueWith("x".repeat(200));
    expect(queue.takeSendable()).toHaveLength(4);
    expect(queue.takeSendable()).toEqual([]);
    queue.acknowledged(2);
    expect(queue.takeSendable()).toHaveLength(2);
  });

  it("refuses more than the queue holds, as a whole", () => {
    const queue = queueWith("x".repeat(990));
    expect(queue.push(bytes("y".repeat(11)))).toBe(false);
    expect(queue.pendingBytes).toBe(990);
    expect(queue.push(bytes("y".repeat(10)))).toBe(true);
  });

  it("ignores an acknowledgement of what was already acknowledged", () => {
    const queue = queueWith("a");
    queue.takeSendable();
    queue.acknowledged(1);
    queue.acknowledged(1);
    queue.acknowledged(0);
    expect(queue.pendingBytes).toBe(0);
  });
});

describe("reconnecting", () => {
  it("repeats what was not written, with the same numbers, before what is new", () => {
    const queue = queueWith("0123456789abcdef", "B", "");
    queue.takeSendable();
    queue.push(bytes("C"));
    const { repeat, loss } = queue.resumed(1, true);
    expect(repeat).toMatchObject([{ seq: 2 }]);
    expect(loss).toBeNull();
    expect(queue.takeSendable()).toMatchObject([{ seq: 3 }]);
  });

  it("never repeats when the owner has no memory of this viewer, and says what may be lost", () => {
    const queue = queueWith("ls", "\r");
    queue.takeSendable();
    queue.push(bytes("typed while away"));
    const { repeat, loss } = queue.resumed(0, false);
    expect(repeat).toEqual([]);
    expect(loss).toEqual({ actions: 2, text: "ls\r" });
    expect(texts(queue.takeSendable())).toEqual(["typed while away"]);
  });

  it("starts at 1 again at an owner without memory", () => {
    const queue = queueWith("a");
    queue.takeSendable();
    queue.resumed(0, false);
    queue.push(bytes("b"));
    expect(queue.takeSendable()).toMatchObject([{ seq: 1 }]);
  });

  it("says nothing to the user when an owner without memory could not lose anything", () => {
    expect(queueWith().resumed(0, false).loss).toBeNull();
  });

  it("treats an owner that remembers less than it once acknowledged like one without memory", () => {
    const queue = queueWith("a", "b");
    queue.takeSendable();
    queue.acknowledged(1);
    queue.push(bytes("c"));
    queue.takeSendable();
    const { repeat, loss } = queue.resumed(0, true);
    expect(repeat).toEqual([]);
    expect(loss?.text).toBe("c");
  });
});

describe("lost input", () => {
  it("drops what was lost and everything behind it, and tells the user", () => {
    const queue = queueWith("0123456789abcdef", "second");
    queue.takeSendable();
    queue.push(bytes("third"));
    expect(queue.lost(2)).toEqual({ actions: 2, text: "secondthird" });
    expect(queue.pendingBytes).toBe(0);
  });

  it("gives the lost number to the next input, because the owner's count stands before it", () => {
    const queue = queueWith("a");
    queue.takeSendable();
    queue.lost(1);
    queue.push(bytes("b"));
    expect(queue.takeSendable()).toMatchObject([{ seq: 1 }]);
  });

  it("tells the user when a terminal ends with input pending", () => {
    const queue = queueWith("a");
    queue.takeSendable();
    queue.push(bytes("b"));
    expect(queue.abandon()).toEqual({ actions: 2, text: "ab" });
    expect(queue.abandon()).toBeNull();
  });
});

/** An owner as the protocol describes it, behind a network that is cut at any moment. */
class Owner {
  written = "";
  private seq = 0;
  known = true;

  attach(): [seq: number, known: boolean] {
    const answer: [number, boolean] = [this.seq, this.known];
    this.known = true;
    return answer;
  }

  receive(chunk: InputChunk): number {
    if (chunk.seq === this.seq + 1) {
      this.written += new TextDecoder().decode(chunk.bytes);
      this.seq = chunk.seq;
    } else if (chunk.seq > this.seq) {
      throw new Error(`gap: ${chunk.seq} after ${this.seq}`);
    }
    return this.seq;
  }

  forget(): void {
    this.seq = 0;
    this.known = false;
  }
}

/** A small generator with a seed, so that a failing run can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Run {
  owner: Owner;
  queue: InputQueue;
  typed: string;
  losses: InputLoss[];
  online: boolean;
  toOwner: InputChunk[];
  toBrowser: number[];
}

function step(run: Run, random: (below: number) => number, mayForget: boolean): void {
  const { queue, owner } = run;
  switch (random(mayForget ? 7 : 6)) {
    case 0: {
      const text = String.fromCharCode(97 + random(26)).repeat(1 + random(random(4) === 0 ? 100 : 3));
      if (queue.push(bytes(text))) run.typed += text;
      break;
    }
    case 1: {
      const chunk = run.toOwner.shift();
      if (chunk !== undefined) run.toBrowser.push(owner.receive(chunk));
      break;
    }
    case 2: {
      const seq = run.toBrowser.shift();
      if (seq !== undefined) queue.acknowledged(seq);
      break;
    }
    case 3:
    case 4:
      if (!run.online) reconnect(run);
      break;
    case 5:
      run.online = false;
      run.toOwner = [];
      run.toBrowser = [];
      break;
    default:
      if (!run.online) owner.forget();
  }
  if (run.online) run.toOwner.push(...queue.takeSendable());
}

function reconnect(run: Run): void {
  run.online = true;
  const { repeat, loss } = run.queue.resumed(...run.owner.attach());
  if (loss !== null) run.losses.push(loss);
  run.toOwner.push(...repeat);
}

function settle(run: Run): void {
  if (!run.online) reconnect(run);
  run.toBrowser.forEach((seq) => run.queue.acknowledged(seq));
  for (;;) {
    run.toOwner.push(...run.queue.takeSendable());
    const chunk = run.toOwner.shift();
    if (chunk === undefined) return;
    run.queue.acknowledged(run.owner.receive(chunk));
  }
}

function randomRun(seed: number, mayForget: boolean): Run {
  const random = randomFrom(seed);
  const run: Run = {
    owner: new Owner(), queue: new InputQueue(LIMITS), typed: "", losses: [], online: false, toOwner: [], toBrowser: [],
  };
  for (let count = 0; count < 120; count++) {
    step(run, random, mayForget);
    const unacknowledged = run.toOwner.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
    expect(unacknowledged).toBeLessThanOrEqual(LIMITS.windowBytes);
  }
  settle(run);
  return run;
}

// Hundreds of runs: on a machine that is busy these take longer than other tests may.
describe("against a model of the owner, with random cuts", { timeout: 60_000 }, () => {
  it("writes everything exactly once and in order, whatever is cut", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const run = randomRun(seed, false);
      expect(run.owner.written, `seed ${seed}`).toBe(run.typed);
      expect(run.losses, `seed ${seed}`).toEqual([]);
    }
  });

  it("never writes anything twice when owners forget, and reports all that is missing", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const run = randomRun(seed, true);
      const lost = run.losses.map((loss) => loss.text).join("");
      expect(run.owner.written.length, `seed ${seed}`).toBeLessThanOrEqual(run.typed.length);
      expect(run.owner.written.length + lost.length, `seed ${seed}`).toBeGreaterThanOrEqual(run.typed.length);
      expect(isSubsequence(run.owner.written, run.typed), `seed ${seed}`).toBe(true);
    }
  });
});

function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (const letter of whole) if (letter === part[at]) at++;
  return at === part.length;
}
