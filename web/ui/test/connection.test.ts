// The connection notices when it is dead, comes back with growing delays, and does not hammer the node.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection, type ConnectionState } from "../src/net/connection";
import { BackOff } from "../src/stream/back-off";

class FakeSocket {
  static all: FakeSocket[] = [];
  binaryType = "";
  sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor() {
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(): void {
    this.closed = true;
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

let states: ConnectionState[];
let loggedIn: boolean;
let connection: Connection;
const events: string[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  states = [];
  loggedIn = true;
  events.length = 0;
  connection = new Connection(
    {
      url: "ws://here/ws",
      viewer: "v",
      open: () => new FakeSocket() as unknown as WebSocket,
      isLoggedIn: () => Promise.resolve(loggedIn),
      backOff: new BackOff(() => 1),
    },
    {
      state: (state) => states.push(state),
      opened: () => events.push("opened"),
      closed: () => events.push("closed"),
      message: (message) => events.push(message.t),
      frame: () => events.push("frame"),
    },
  );
});

afterEach(() => vi.useRealTimers());

const socket = (): FakeSocket => FakeSocket.all.at(-1)!;
const lastPing = (): number =>
  socket().sent.map((text) => JSON.parse(text) as { t: string; id: number }).filter(({ t }) => t === "ping").at(-1)!.id;

function open(): void {
  connection.connect();
  socket().onopen?.();
  socket().say({ t: "welcome", protocol: 1, node: {}, instance: "", limits: {} });
}

async function elapse(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe("opening", () => {
  it("says hello first and is open when the node says welcome", () => {
    open();
    expect(JSON.parse(socket().sent[0]!)).toEqual({ t: "hello", protocol: 1, viewer: "v" });
    expect(states.at(-1)).toMatchObject({ kind: "open" });
    expect(events).toEqual(["welcome", "opened"]);
  });

  it("measures how long the node takes to answer, once it is not busy with the first page", async () => {
    open();
    await elapse(400);
    socket().say({ t: "pong", id: lastPing() });
    expect(states.at(-1)).toMatchObject({ kind: "open", latencyMs: null });
    await elapse(1_025);
    socket().say({ t: "pong", id: lastPing() });
    expect(states.at(-1)).toMatchObject({ kind: "open", latencyMs: 25 });
  });

  it("gives up on a node that accepts and never says welcome", async () => {
    connection.connect();
    await elapse(10_000);
    expect(socket().closed).toBe(true);
    expect(states.at(-1)).toMatchObject({ kind: "waiting" });
  });

  it("asks for a login when that is the reason", async () => {
    loggedIn = false;
    connection.connect();
    socket().onclose?.();
    await elapse(0);
    expect(states.at(-1)).toMatchObject({ kind: "login" });
    await elapse(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
});

describe("silence", () => {
  it("ends the connection when nothing is heard for 15 s after a ping", async () => {
    open();
    socket().say({ t: "pong", id: lastPing() });
    await elapse(10_000);
    expect(socket().closed).toBe(false);
    await elapse(15_000);
    expect(FakeSocket.all[0]!.closed).toBe(true);
    expect(events).toContain("closed");
  });

  it("counts any message as a sign of life", async () => {
    open();
    for (let second = 0; second < 40; second++) {
      await elapse(1000);
      socket().say({ t: "agent-gone", id: "x" });
    }
    expect(socket().closed).toBe(false);
  });

  it("is noticed soon after the page wakes up", async () => {
    open();
    socket().say({ t: "pong", id: lastPing() });
    connection.setVisible(false);
    await elapse(60_000);
    expect(socket().closed).toBe(false);
    connection.setVisible(true);
    await elapse(4_000);
    expect(FakeSocket.all[0]!.closed).toBe(true);
  });
});

describe("coming back", () => {
  const delay = (): number => {
    const state = states.at(-1);
    return state?.kind === "waiting" ? state.retryAt - Date.now() : -1;
  };

  it("waits longer each time, up to 10 s", async () => {
    const delays: number[] = [];
    connection.connect();
    for (let attempt = 0; attempt < 8; attempt++) {
      socket().onclose?.();
      delays.push(delay());
      await elapse(delay());
    }
    expect(delays).toEqual([300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
  });

  it("does not start over for a node that says welcome and closes again", async () => {
    open();
    socket().onclose?.();
    expect(delay()).toBe(300);
    await elapse(300);
    socket().onopen?.();
    socket().say({ t: "welcome" });
    socket().say({ t: "agents", all: [] });
    socket().onclose?.();
    expect(delay()).toBe(600);
  });

  it("starts over after a connection that brought data and lasted", async () => {
    open();
    socket().onclose?.();
    await elapse(300);
    socket().onopen?.();
    socket().say({ t: "welcome" });
    socket().say({ t: "agents", all: [] });
    await elapse(6_000);
    socket().say({ t: "pong", id: lastPing() });
    socket().onclose?.();
    expect(delay()).toBe(300);
  });

  it("tries at once when the user or the network says so", () => {
    open();
    socket().onclose?.();
    connection.check();
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("never has two sockets", async () => {
    open();
    connection.reconnect("asked");
    connection.connect();
    connection.check();
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.all[0]!.closed).toBe(true);
    await elapse(10_000);
    expect(FakeSocket.all.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(1);
  });
});

describe("back-off", () => {
  it("is jittered between half and the whole of the delay", () => {
    expect(new BackOff(() => 0).nextDelayMs()).toBe(150);
    expect(new BackOff(() => 1).nextDelayMs()).toBe(300);
  });
});
