// A stream attaches, resumes from its offset, acknowledges what is processed, and never guesses.

import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ClientMessage, Size } from "../src/protocol/types";
import type { InputLoss } from "../src/stream/input-queue";
import type { PasteOutcome } from "../src/stream/paste-delivery";
import { TerminalStream, type Screen, type Wire } from "../src/stream/terminal-stream";

const SIZE: Size = { cols: 100, rows: 30 };
const GENERATION = "00000000000000aa";

class FakeScreen implements Screen {
  text = "";
  size: Size | null = null;
  private queue: (() => void)[] = [];

  replace(size: Size, bytes: Uint8Array, processed: () => void): void {
    this.text = new TextDecoder().decode(bytes);
    this.size = size;
    this.queue.push(processed);
  }

  append(bytes: Uint8Array, processed: () => void): void {
    this.text += new TextDecoder().decode(bytes);
    this.queue.push(processed);
  }

  resize(size: Size): void {
    this.size = { cols: size.cols, rows: size.rows };
  }

  /** The emulator has parsed `count` writes. */
  parse(count = this.queue.length): void {
    for (const processed of this.queue.splice(0, count)) processed();
  }
}

class FakeWire implements Wire {
  sent: ClientMessage[] = [];
  acks: number[] = [];
  inputs: { seq: number; text: string }[] = [];
  heard: number[] = [];
  pastes: { text: string; key: string; answer: (outcome: PasteOutcome) => void }[] = [];
  private next = 1;

  constructor(readonly instance = "one") {}

  paste(agent: string, terminal: number, text: string, key: string, signal: AbortSignal): Promise<PasteOutcome> {
    expect([agent, terminal]).toEqual(["agent", 3]);
    return new Promise((answer) => {
      this.pastes.push({ text, key, answer });
      signal.addEventListener("abort", () => answer({ kind: "unreachable" }));
    });
  }

  nextStream(): number {
    return this.next++;
  }

  control(message: ClientMessage): void {
    this.sent.push(message);
  }

  binary(frame: Uint8Array<ArrayBuffer>): void {
    const value = Number(new DataView(frame.buffer).getBigUint64(5, true));
    if (frame[0] === 4) this.acks.push(value);
    else {
      this.inputs.push({ seq: value, text: new TextDecoder().decode(frame.subarray(17)) });
      this.heard.push(new DataView(frame.buffer).getUint32(13, true));
    }
  }
}

let screen: FakeScreen;
let wire: FakeWire;
let stream: TerminalStream;
let losses: InputLoss[];

beforeEach(() => {
  screen = new FakeScreen();
  wire = new FakeWire();
  losses = [];
  stream = new TerminalStream("agent", 3, screen, { changed: () => undefined, inputLost: (loss) => losses.push(loss) });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function attached(extra: Partial<Parameters<TerminalStream["receive"]>[0] & { t: "attached" }> = {}): void {
  stream.receive({
    t: "attached", s: stream.streamNumber!, agent: "agent", terminal: 3, generation: GENERATION, offset: 0,
    input_seq: 0, input_known: true, holder: "none", ...SIZE, ...extra,
  });
}

function snapshot(offset: number, text: string, generation = GENERATION): void {
  stream.receiveFrame({ kind: "snapshot", s: stream.streamNumber!, offset, generation, ...SIZE, bytes: bytes(text) });
}

function data(offset: number, text: string): void {
  stream.receiveFrame({ kind: "data", s: stream.streamNumber!, offset, bytes: bytes(text) });
}

function goLive(): void {
  stream.connected(wire);
  stream.attach(SIZE, "if-free");
  attached({ offset: 10 });
  snapshot(10, "$ ");
  screen.parse();
}

describe("attaching", () => {
  it("waits for a connection and then asks for everything", () => {
    stream.attach(SIZE, "if-free");
    expect(stream.phase).toBe("waiting");
    stream.connected(wire);
    expect(wire.sent).toEqual([{ t: "attach", s: 1, agent: "agent", terminal: 3, from: null, size: SIZE, take: "if-free" }]);
    expect(stream.phase).toBe("attaching");
  });

  it("is live when the snapshot is there, and takes its size", () => {
    goLive();
    expect(stream.phase).toBe("live");
    expect(screen.text).toBe("$ ");
    expect(screen.size).toEqual(SIZE);
  });

  it("appends data that starts where the snapshot ended", () => {
    goLive();
    data(10, "ls");
    expect(screen.text).toBe("$ ls");
  });

  it("drops the part of data that it already has", () => {
    goLive();
    data(8, "$ ls");
    expect(screen.text).toBe("$ ls");
  });

  it("starts over from a snapshot when bytes are missing in between", () => {
    goLive();
    data(15, "lost before me");
    expect(screen.text).toBe("$ ");
    expect(wire.sent.slice(-2)).toMatchObject([{ t: "detach", s: 1 }, { t: "attach", s: 2, from: null }]);
  });

  it("replaces the screen when a snapshot comes in the middle", () => {
    goLive();
    data(10, "ls");
    snapshot(500, "fresh");
    data(500, "!");
    expect(screen.text).toBe("fresh!");
  });
});

describe("resuming", () => {
  it("asks for what follows the last byte it received, parsed or not", () => {
    goLive();
    data(10, "abc");
    stream.disconnected();
    expect(stream.phase).toBe("waiting");
    stream.connected(wire);
    expect(wire.sent.at(-1)).toMatchObject({ t: "attach", from: { generation: GENERATION, offset: 13 } });
  });

  it("is live at once when nothing is missing", () => {
    goLive();
    stream.disconnected();
    stream.connected(wire);
    attached({ offset: 10 });
    expect(stream.phase).toBe("live");
    data(10, "more");
    expect(screen.text).toBe("$ more");
  });

  it("keeps the old screen until the snapshot of another generation is there", () => {
    goLive();
    stream.disconnected();
    stream.connected(wire);
    attached({ generation: "00000000000000bb", offset: 0 });
    expect(screen.text).toBe("$ ");
    expect(stream.phase).toBe("attaching");
    snapshot(0, "new life", "00000000000000bb");
    expect(screen.text).toBe("new life");
  });

  it("keeps its place while it is hidden", () => {
    goLive();
    stream.detach();
    expect(wire.sent.at(-1)).toEqual({ t: "detach", s: 1 });
    stream.attach(SIZE, "if-free");
    expect(wire.sent.at(-1)).toMatchObject({ t: "attach", s: 2, from: { generation: GENERATION, offset: 10 } });
  });

  it("asks for the size again only if it may", () => {
    goLive();
    stream.fit(SIZE, "always");
    stream.disconnected();
    stream.connected(wire);
    expect(wire.sent.at(-1)).toMatchObject({ t: "attach", take: "if-free" });
    stream.release();
    stream.disconnected();
    stream.connected(wire);
    expect(wire.sent.at(-1)).toMatchObject({ t: "attach", take: "never" });
  });
});

describe("acknowledging", () => {
  it("acknowledges a snapshot when it is parsed", () => {
    goLive();
    expect(wire.acks).toEqual([10]);
  });

  it("acknowledges when everything that came is parsed", () => {
    goLive();
    data(10, "a");
    data(11, "b");
    screen.parse(1);
    expect(wire.acks).toEqual([10]);
    screen.parse(1);
    expect(wire.acks).toEqual([10, 12]);
  });

  it("acknowledges every 64 KiB in a flood", () => {
    goLive();
    const block = "x".repeat(32_768);
    for (let count = 0; count < 5; count++) data(10 + count * 32_768, block);
    screen.parse(1);
    expect(wire.acks).toEqual([10]);
    screen.parse(1);
    expect(wire.acks).toEqual([10, 10 + 65_536]);
    screen.parse();
    expect(wire.acks).toEqual([10, 10 + 65_536, 10 + 131_072, 10 + 163_840]);
  });

  it("does not acknowledge on a new stream what was received on an old one twice", () => {
    goLive();
    data(10, "abc");
    stream.disconnected();
    stream.connected(wire);
    attached({ offset: 13 });
    screen.parse();
    expect(wire.acks).toEqual([10]);
  });
});

describe("typing", () => {
  it("sends nothing before the owner has said what it already wrote", () => {
    stream.connected(wire);
    stream.attach(SIZE, "never");
    stream.type(bytes("a"));
    expect(wire.inputs).toEqual([]);
    attached({ input_seq: 4 });
    expect(wire.inputs).toEqual([{ seq: 5, text: "a" }]);
  });

  it("repeats what was not acknowledged after a reconnect, with the same number", () => {
    goLive();
    stream.type(bytes("a"));
    stream.disconnected();
    stream.type(bytes("b"));
    stream.connected(wire);
    attached({ offset: 10, input_seq: 0 });
    expect(wire.inputs).toEqual([{ seq: 1, text: "a" }, { seq: 1, text: "a" }, { seq: 2, text: "b" }]);
    expect(losses).toEqual([]);
  });

  it("does not repeat what was written although the acknowledgement got lost", () => {
    goLive();
    stream.type(bytes("a"));
    stream.disconnected();
    stream.connected(wire);
    attached({ offset: 10, input_seq: 1 });
    expect(wire.inputs).toEqual([{ seq: 1, text: "a" }]);
  });

  it("goes on and repeats what was not written when the stream is opened again by itself", () => {
    goLive();
    stream.type(bytes("a"));
    stream.type(bytes("b"));
    attached({ offset: 10, input_seq: 1 });
    expect(stream.phase).toBe("live");
    expect(wire.inputs).toEqual([{ seq: 1, text: "a" }, { seq: 2, text: "b" }, { seq: 2, text: "b" }]);
    data(10, "more");
    expect(screen.text).toContain("more");
    expect(losses).toEqual([]);
  });

  it("says with each input how much of what the owner said about input it had heard", () => {
    goLive();
    stream.type(bytes("a"));
    attached({ offset: 10, input_seq: 1 });
    stream.type(bytes("b"));
    stream.receive({ t: "input-lost", s: 1, seq: 2, message: "the terminal does not read" });
    stream.type(bytes("c"));
    stream.disconnected();
    stream.connected(wire);
    attached({ offset: 10, input_seq: 2 });
    stream.type(bytes("d"));
    expect(wire.heard).toEqual([1, 2, 3, 1]);
  });

  it("takes a snapshot after the stream was opened again in another life of the terminal", () => {
    goLive();
    attached({ generation: "00000000000000bb", offset: 0, input_known: false });
    snapshot(0, "fresh", "00000000000000bb");
    expect(screen.text).toBe("fresh");
    data(0, "!");
    expect(screen.text).toBe("fresh!");
  });

  it("tells the user instead of repeating when the owner was restarted", () => {
    goLive();
    stream.type(bytes("rm"));
    stream.disconnected();
    stream.connected(wire);
    attached({ offset: 10, input_seq: 0, input_known: false });
    expect(wire.inputs).toHaveLength(1);
    expect(losses).toEqual([{ actions: 1, text: "rm" }]);
  });

  it("tells the user what the owner could not write", () => {
    goLive();
    stream.type(bytes("a"));
    stream.receive({ t: "input-lost", s: 1, seq: 1, message: "the terminal does not read" });
    expect(losses).toEqual([{ actions: 1, text: "a" }]);
    expect(stream.pendingInputBytes).toBe(0);
  });
});

describe("the end", () => {
  it("is permanent: a reconnect does not try again", () => {
    goLive();
    stream.receive({ t: "ended", s: 1, reason: "exited", message: "status 0" });
    const before = wire.sent.length;
    stream.disconnected();
    stream.connected(wire);
    expect(wire.sent).toHaveLength(before);
    expect(stream.phase).toBe("ended");
    expect(screen.text).toBe("$ ");
  });

  it("takes no more input", () => {
    goLive();
    stream.receive({ t: "ended", s: 1, reason: "exited", message: "" });
    expect(stream.type(bytes("a"))).toBe(false);
  });

  it("is over when the user asks to look again", () => {
    goLive();
    stream.receive({ t: "ended", s: 1, reason: "exited", message: "" });
    stream.attach(SIZE, "never");
    expect(wire.sent.at(-1)).toMatchObject({ t: "attach", from: null });
  });
});

describe("pasting", () => {
  const type = (text: string): boolean => stream.type(bytes(text));
  const typed = (): string[] => wire.inputs.map(({ text }) => text);
  const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

  async function answer(outcome: PasteOutcome, on = wire): Promise<void> {
    on.pastes.at(-1)!.answer(outcome);
    await settle();
  }

  it("waits for what was typed before, and holds what is typed after", async () => {
    goLive();
    type("a");
    stream.paste("one\n");
    type("b");
    stream.paste("two");
    type("c");
    expect([typed(), wire.pastes.length]).toEqual([["a"], 0]);
    stream.receive({ t: "input-ack", s: 1, seq: 1 });
    expect(wire.pastes.map(({ text }) => text)).toEqual(["one\n"]);
    expect(stream.pendingInputBytes).toBe(9);
    await answer({ kind: "written" });
    expect(typed()).toEqual(["a", "b"]);
    stream.receive({ t: "input-ack", s: 1, seq: 2 });
    await answer({ kind: "written" });
    expect([typed(), wire.pastes.map(({ text }) => text)]).toEqual([["a", "b", "c"], ["one\n", "two"]]);
    stream.receive({ t: "input-ack", s: 1, seq: 3 });
    expect([stream.pendingInputBytes, losses]).toEqual([0, []]);
  });

  it("that is refused takes the Enter behind it along, and says so", async () => {
    goLive();
    stream.paste("one");
    type("\r");
    await answer({ kind: "refused", message: "no" });
    expect(typed()).toEqual([]);
    expect(losses).toEqual([{ actions: 2, text: "one\r" }]);
    type("x");
    expect(typed()).toEqual(["x"]);
  });

  it("is repeated under the same key after a reconnect, before what was typed behind it", async () => {
    goLive();
    stream.paste("one");
    type("b");
    stream.disconnected();
    await settle();
    const next = new FakeWire();
    stream.connected(next);
    expect(next.pastes).toEqual([]);
    attached({ offset: 10 });
    expect(next.pastes).toMatchObject([{ text: "one", key: wire.pastes[0]!.key }]);
    expect(next.inputs).toEqual([]);
    await answer({ kind: "written" }, next);
    expect(next.inputs).toMatchObject([{ seq: 1, text: "b" }]);
    expect(losses).toEqual([]);
  });

  it("is never repeated to a node that was restarted", async () => {
    goLive();
    stream.paste("one");
    stream.disconnected();
    await settle();
    const next = new FakeWire("two");
    stream.connected(next);
    attached({ offset: 10 });
    expect(next.pastes).toEqual([]);
    expect(losses).toEqual([{ actions: 1, text: "one" }]);
  });

  it("is given up after some tries although the connection holds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      goLive();
      stream.paste("one");
      for (let tries = 1; tries <= 5; tries++) {
        expect(wire.pastes).toHaveLength(tries);
        wire.pastes.at(-1)!.answer({ kind: "unreachable" });
        await vi.runAllTimersAsync();
      }
      expect(losses).toEqual([{ actions: 1, text: "one" }]);
      expect(new Set(wire.pastes.map(({ key }) => key)).size).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that is under way when the terminal ends is reported once", async () => {
    goLive();
    stream.paste("one");
    stream.receive({ t: "ended", s: 1, reason: "exited", message: "" });
    await answer({ kind: "refused", message: "gone" });
    expect(losses).toEqual([{ actions: 1, text: "one" }]);
  });
});
