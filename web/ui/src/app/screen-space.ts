// The space on the screen: phone or desktop, and how much of it the on-screen keyboard leaves.

import { signal } from "@preact/signals";
import { mediaSignal } from "./preferences";

/** Less than this is a browser bar, not a keyboard. */
const SMALLEST_KEYBOARD_PX = 120;

export class ScreenSpace {
  /** Tree and terminal do not fit side by side: a phone, also when it lies on its side. As in `phone.css`. */
  readonly narrow = mediaSignal("(max-width: 760px), (pointer: coarse) and (max-height: 500px)");
  /** Fingers: large targets, a key bar, and the size is never taken unasked. */
  readonly touch = mediaSignal("(pointer: coarse)");
  readonly keyboardPx = signal(0);

  constructor() {
    const viewport = window.visualViewport;
    if (viewport === null) return;
    const update = (): void => {
      const hidden = Math.round(window.innerHeight - viewport.height * viewport.scale - viewport.offsetTop);
      this.keyboardPx.value = this.touch.value && hidden >= SMALLEST_KEYBOARD_PX ? hidden : 0;
      document.documentElement.style.setProperty("--keyboard", `${this.keyboardPx.value}px`);
    };
    // Some browsers scroll the page to bring the text field above the keyboard; here the layout does that.
    viewport.addEventListener("resize", () => {
      update();
      window.scrollTo(0, 0);
    });
    viewport.addEventListener("scroll", update);
  }
}
