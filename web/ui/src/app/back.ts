// The Back button closes what lies over the page before it leaves the page: a dialog, the search, notes on a phone, full screen.

import { effect } from "@preact/signals";

export interface Layer {
  /** Read inside an effect. */
  isOpen(): boolean;
  close(): void;
}

/** What of `window.history` is needed. */
export interface Trail {
  readonly state: unknown;
  pushState(state: unknown, unused: string): void;
  back(): void;
}

const GUARD = { consortLayer: true } as const;

/**
 * While a layer is open, the newest entry of the history is a copy of the page's: going back from there leads to the same address, and
 * closes the topmost layer.
 */
export class BackCloses {
  /** The entry that is shown is the copy. */
  private guarded: boolean;

  /** The topmost layer comes first. */
  constructor(private readonly layers: readonly Layer[], private readonly trail: Trail) {
    this.guarded = isGuard(trail.state);
    effect(() => {
      if (layers.filter((layer) => layer.isOpen()).length > 0) this.guard();
    });
  }

  /** The page goes elsewhere. Whether it should replace the newest entry, which is only a copy of the one before. */
  leave(): boolean {
    const guarded = this.guarded;
    this.guarded = false;
    return guarded;
  }

  /**
   * The user went back or forward, to the address of the page that is shown (`same`) or elsewhere. True: that closed a layer, or left
   * a copy, and the page stays as it is.
   */
  wentBack(same: boolean): boolean {
    const left = this.guarded;
    this.guarded = isGuard(this.trail.state);
    if (!same) return false;
    const open = this.layers.find((layer) => layer.isOpen());
    if (open !== undefined && !this.guarded) {
      open.close();
      if (this.layers.some((layer) => layer.isOpen())) this.guard();
      return true;
    }
    if (!left || this.guarded) return false;
    // The layer was closed in another way, so its entry was one step too many.
    this.trail.back();
    return true;
  }

  private guard(): void {
    if (this.guarded) return;
    this.guarded = true;
    this.trail.pushState(GUARD, "");
  }
}

function isGuard(state: unknown): boolean {
  return typeof state === "object" && state !== null && "consortLayer" in state;
}
