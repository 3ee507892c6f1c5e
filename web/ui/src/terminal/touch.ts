// Scrolls a terminal with a finger: first the space it is shown in, then its scrollback, or the program if it asked. Two fingers zoom.

import type { Terminal } from "@xterm/xterm";

const FRICTION_PER_MS = 0.996;
const SLOWEST_PX_PER_MS = 0.02;
/** Letters of another size are drawn anew: not for less than this. */
const SMALLEST_PINCH = 0.04;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Installs the handlers on `host`, which lies in an element that may scroll. `pinched`: two fingers moved apart by a factor, around a point. */
export function scrollByTouch(host: HTMLElement, terminal: Terminal, pinched: (factor: number, at: Point) => void): void {
  let last: { x: number; y: number; at: number } | null = null;
  let restPx = 0;
  let velocity = 0;
  let inertia = 0;
  let span = 0;

  const scrollBy = (dx: number, dy: number, at: { x: number; y: number }): void => {
    const space = host.parentElement;
    if (space !== null) {
      space.scrollLeft -= dx;
      const before = space.scrollTop;
      space.scrollTop -= dy;
      if (space.scrollTop !== before) return;
    }
    restPx += dy;
    const lines = Math.trunc(restPx / lineHeightPx(host, terminal));
    if (lines === 0) return;
    restPx -= lines * lineHeightPx(host, terminal);
    scrollLines(host, terminal, -lines, at);
  };

  const glide = (at: { x: number; y: number }, then: number): void => {
    inertia = requestAnimationFrame((now) => {
      const elapsed = Math.min(now - then, 50);
      velocity *= FRICTION_PER_MS ** elapsed;
      if (Math.abs(velocity) < SLOWEST_PX_PER_MS) return;
      scrollBy(0, velocity * elapsed, at);
      glide(at, now);
    });
  };

  host.addEventListener("touchstart", (event) => {
    cancelAnimationFrame(inertia);
    const touch = event.touches[0];
    last = touch && event.touches.length === 1 ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp } : null;
    velocity = 0;
    restPx = 0;
    span = event.touches.length === 2 ? spanOf(event.touches) : 0;
  }, { passive: true });

  host.addEventListener("touchmove", (event) => {
    const touch = event.touches[0];
    if (span > 0 && event.touches.length === 2) {
      event.preventDefault();
      const now = spanOf(event.touches);
      if (Math.abs(now / span - 1) < SMALLEST_PINCH) return;
      pinched(now / span, middleOf(event.touches));
      span = now;
      return;
    }
    if (last === null || touch === undefined) return;
    event.preventDefault();
    const at = { x: touch.clientX, y: touch.clientY };
    const elapsed = Math.max(1, event.timeStamp - last.at);
    velocity = 0.6 * velocity + 0.4 * ((at.y - last.y) / elapsed);
    scrollBy(at.x - last.x, at.y - last.y, at);
    last = { ...at, at: event.timeStamp };
  }, { passive: false });

  host.addEventListener("touchend", (event) => {
    if (last !== null && event.timeStamp - last.at < 60) glide(last, performance.now());
    last = null;
    span = 0;
  }, { passive: true });
}

function spanOf([a, b]: TouchList): number {
  return a === undefined || b === undefined ? 0 : Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function middleOf([a, b]: TouchList): Point {
  return { x: ((a?.clientX ?? 0) + (b?.clientX ?? 0)) / 2, y: ((a?.clientY ?? 0) + (b?.clientY ?? 0)) / 2 };
}

function scrollLines(host: HTMLElement, terminal: Terminal, lines: number, at: { x: number; y: number }): void {
  if (terminal.buffer.active.type === "normal" && terminal.modes.mouseTrackingMode === "none") {
    terminal.scrollLines(lines);
    return;
  }
  const target = host.querySelector(".xterm-screen");
  for (let line = 0; line < Math.min(Math.abs(lines), terminal.rows); line++) {
    target?.dispatchEvent(new WheelEvent("wheel", {
      deltaMode: WheelEvent.DOM_DELTA_LINE,
      deltaY: Math.sign(lines),
      clientX: at.x,
      clientY: at.y,
      bubbles: true,
      cancelable: true,
    }));
  }
}

function lineHeightPx(host: HTMLElement, terminal: Terminal): number {
  const screen = host.querySelector<HTMLElement>(".xterm-screen");
  return Math.max(1, (screen?.offsetHeight ?? 0) / terminal.rows);
}
