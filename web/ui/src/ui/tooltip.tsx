// One tooltip for the whole page, beside the element that is pointed at or has the keyboard.

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";

interface Shown {
  readonly anchor: DOMRect;
  readonly content: ComponentChildren;
}

const SHOW_AFTER_MS = 450;

const shown = signal<Shown | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

export function showTooltip(element: Element, content: () => ComponentChildren): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (element.isConnected) shown.value = { anchor: element.getBoundingClientRect(), content: content() };
  }, shown.value === null ? SHOW_AFTER_MS : 60);
}

export function hideTooltip(): void {
  clearTimeout(timer);
  shown.value = null;
}

export function TooltipLayer(): JSX.Element | null {
  if (shown.value === null) return null;
  const { anchor, content } = shown.value;
  const top = Math.max(8, Math.min(anchor.top, innerHeight - 140));
  return (
    <div class="tooltip" role="tooltip" style={{ top: `${top}px`, left: `${anchor.right + 8}px` }}>
      {content}
    </div>
  );
}
