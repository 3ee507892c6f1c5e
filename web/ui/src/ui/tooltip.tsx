// One tooltip for the rows of the list. It lies in the list, away from the row that it is about: never over a terminal, never under the
// pointer.

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Shown {
  readonly anchor: DOMRect;
  readonly content: ComponentChildren;
}

const MARGIN_PX = 6;
const SHOW_AFTER_MS = 600;

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
  return shown.value === null ? null : <Tooltip {...shown.value} />;
}

function Tooltip({ anchor, content }: Shown): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const list = document.querySelector(".tree")?.getBoundingClientRect();
    if (list === undefined) return;
    const rows = document.querySelector(".tree-rows")!.getBoundingClientRect();
    const { height } = element.current!.getBoundingClientRect();
    const free = list.bottom - rows.bottom >= height;
    const high = anchor.top + anchor.height / 2 < list.top + list.height / 2;
    element.current!.style.left = `${list.left + MARGIN_PX}px`;
    element.current!.style.width = `${list.width - 2 * MARGIN_PX}px`;
    element.current!.style.top = `${free || high ? list.bottom - height - MARGIN_PX : list.top}px`;
  }, [anchor, content]);
  return <div ref={element} class="tooltip" role="tooltip">{content}</div>;
}

/** The whole text as the browser's tooltip, only while it does not fit: else it would cover something to say it again. */
export function titleIfCut(text: string): { onMouseEnter: (event: MouseEvent) => void } {
  return {
    onMouseEnter: ({ currentTarget }) => {
      const element = currentTarget as HTMLElement;
      const cut = [element, ...element.querySelectorAll<HTMLElement>("*")].some(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth + 1);
      element.title = cut ? text : "";
    },
  };
}
