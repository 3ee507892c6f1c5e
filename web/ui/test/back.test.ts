// Going back closes what is open, topmost first, and otherwise leads where it led before.

import { signal, type Signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { BackCloses } from "../src/app/back";

/** A history as a browser has it. */
class Trail {
  entries: { state: unknown; page: string }[] = [{ state: null, page: "elsewhere" }, { state: null, page: "start" }];
  at = 1;
  popped = (): void => undefined;
  wentTo = (_page: string): unknown => undefined;
  get state(): unknown {
    return this.entries[this.at]!.state;
  }
  get page(): string {
    return this.entries[this.at]!.page;
  }
  pushState(state: unknown): void {
    this.go(this.page, state);
  }
  go(page: string, state: unknown = null): void {
    this.entries.splice(this.at + 1);
    this.entries.push({ state, page });
    this.at += 1;
    this.wentTo(page);
  }
  back(): void {
    this.at -= 1;
    this.popped();
  }
}

function page(): { trail: Trail; dialog: Signal<boolean>; search: Signal<boolean>; back: BackCloses } {
  const [trail, dialog, search] = [new Trail(), signal(false), signal(false)];
  const layer = (open: Signal<boolean>) => ({ isOpen: () => open.value, close: () => void (open.value = false) });
  const back = new BackCloses([layer(dialog), layer(search)], trail);
  let shown = "start";
  trail.popped = () => {
    if (!back.wentBack(trail.page === shown)) shown = trail.page;
  };
  trail.wentTo = (next) => (shown = next);
  return { trail, dialog, search, back };
}

describe("Back", () => {
  it("closes a dialog and stays on the page, also twice", () => {
    const { trail, dialog } = page();
    for (let time = 0; time < 2; time++) {
      dialog.value = true;
      trail.back();
      expect([dialog.value, trail.page]).toEqual([false, "start"]);
    }
    trail.back();
    expect(trail.page).toBe("elsewhere");
  });

  it("closes the topmost first", () => {
    const { trail, dialog, search } = page();
    search.value = true;
    dialog.value = true;
    trail.back();
    expect([dialog.value, search.value, trail.page]).toEqual([false, true, "start"]);
    trail.back();
    expect([search.value, trail.page]).toEqual([false, "start"]);
    trail.back();
    expect(trail.page).toBe("elsewhere");
  });

  it("leads back at once when the dialog was closed in another way", () => {
    const { trail, dialog } = page();
    dialog.value = true;
    dialog.value = false;
    trail.back();
    expect(trail.page).toBe("elsewhere");
  });

  it("leads to the page from which a dialog led on", () => {
    const { trail, dialog, back } = page();
    dialog.value = true;
    dialog.value = false;
    if (back.leave()) trail.entries.pop(), (trail.at -= 1);
    trail.go("agent");
    dialog.value = true;
    trail.back();
    expect([trail.page, dialog.value]).toEqual(["agent", false]);
    trail.back();
    expect(trail.page).toBe("start");
  });

  it("follows a link that was opened after a dialog was closed", () => {
    const { trail, dialog } = page();
    dialog.value = true;
    dialog.value = false;
    // As a browser does for another address: a new entry, and the same event.
    trail.entries.push({ state: null, page: "agent" });
    trail.at += 1;
    trail.popped();
    expect(trail.page).toBe("agent");
  });
});
