// The store shows what the node said, collected so that a busy machine does not redraw everything all the time.

import { beforeEach, describe, expect, it } from "vitest";
import { claimViewerId } from "../src/net/viewer-id";
import { Store } from "../src/model/store";
import { agentNamed } from "./agents";

let store: Store;
let later: (() => void)[];

beforeEach(() => {
  later = [];
  store = new Store((run) => later.push(run));
  store.apply({ t: "agents", all: [agentNamed("a"), agentNamed("b")] });
});

describe("agents", () => {
  it("are replaced by a new list", () => {
    store.apply({ t: "agents", all: [agentNamed("c")] });
    expect([...store.agents.value.keys()]).toEqual(["c"]);
  });

  it("change together, once per moment", () => {
    let changes = 0;
    store.agents.subscribe(() => changes++);
    store.apply({ t: "agent", agent: agentNamed("a", { tags: ["x"] }) });
    store.apply({ t: "agent", agent: agentNamed("c") });
    store.apply({ t: "agent-gone", id: "b" });
    expect(later).toHaveLength(1);
    later.forEach((run) => run());
    expect([...store.agents.value.keys()]).toEqual(["a", "c"]);
    expect(store.agent("a")?.tags).toEqual(["x"]);
    expect(changes).toBe(2);
  });

  it("that waited before the list was replaced do not come back", () => {
    store.apply({ t: "agent", agent: agentNamed("old") });
    store.apply({ t: "agents", all: [] });
    later.forEach((run) => run());
    expect(store.agents.value.size).toBe(0);
  });

  it("that wait for the user are sorted by how long they do", () => {
    const waiting = (name: string, age_ms: number): ReturnType<typeof agentNamed> =>
      agentNamed(name, { state: { kind: "waiting", why: "", source: "screen", age_ms } });
    store.apply({ t: "agents", all: [waiting("short", 10), waiting("long", 100_000), agentNamed("idle")] });
    expect(store.waiting.value.map(({ name }) => name)).toEqual(["long", "short"]);
  });
});

describe("the viewer's id", () => {
  class FakeStorage {
    items = new Map<string, string>();
    getItem = (key: string): string | null => this.items.get(key) ?? null;
    setItem = (key: string, value: string): void => void this.items.set(key, value);
    removeItem = (key: string): void => void this.items.delete(key);
  }

  function page(storage: FakeStorage): { id: string; hide: () => void } {
    const listeners: Record<string, () => void> = {};
    const addEventListener = (type: string, listener: () => void): void => void (listeners[type] = listener);
    const id = claimViewerId(storage as unknown as Storage, { addEventListener } as unknown as Window);
    return { id, hide: () => listeners["pagehide"]!() };
  }

  it("is 22 characters and stays the same over a reload", () => {
    const storage = new FakeStorage();
    const first = page(storage);
    expect(first.id).toMatch(/^[\w-]{22}$/);
    first.hide();
    expect(page(storage).id).toBe(first.id);
  });

  it("is not shared by a duplicated tab, which copies the storage of a living one", () => {
    const storage = new FakeStorage();
    const first = page(storage);
    const copy = new FakeStorage();
    copy.items = new Map(storage.items);
    expect(page(copy).id).not.toBe(first.id);
  });
});
