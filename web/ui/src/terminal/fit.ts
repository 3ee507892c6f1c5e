// How a terminal and the space for it go together: cells that fit, or the font size at which all of it is visible. Pure.

import type { Size } from "../protocol/types";

export interface Pixels {
  readonly width: number;
  readonly height: number;
}

export const SMALLEST_SIZE: Size = { cols: 20, rows: 5 };
export const LARGEST_SIZE: Size = { cols: 1000, rows: 500 };
export const SMALLEST_FONT_PX = 2;

/** How many cells fit; `null` if the space is not laid out. */
export function cellsThatFit(space: Pixels, cell: Pixels): Size | null {
  if (!(cell.width > 0 && cell.height > 0 && space.width > 0 && space.height > 0)) return null;
  return {
    cols: clamp(Math.floor(space.width / cell.width), SMALLEST_SIZE.cols, LARGEST_SIZE.cols),
    rows: clamp(Math.floor(space.height / cell.height), SMALLEST_SIZE.rows, LARGEST_SIZE.rows),
  };
}

/** What of the page is no terminal beside and below it, while none is shown: header, footer and the space's edges. */
const AROUND: Pixels = { width: 22, height: 48 + 32 + 10 };

/** The size of a terminal that is yet to be created, so that it fits once it is shown in a page of `main` pixels. */
export function sizeToCreate(main: Pixels, cell: Pixels): Size | null {
  return cellsThatFit({ width: main.width - AROUND.width, height: main.height - AROUND.height }, cell);
}

/**
 * The font size at which `size` cells fit in `space`, given that a cell measures `cell` at `fontPx`. Never larger than
 * `preferredPx`: a small terminal keeps its normal letters.
 */
export function fontThatFits(space: Pixels, size: Size, cell: Pixels, fontPx: number, preferredPx: number): number {
  const scale = Math.min(space.width / (cell.width * size.cols), space.height / (cell.height * size.rows));
  if (!Number.isFinite(scale) || scale <= 0) return preferredPx;
  return clamp(Math.floor(fontPx * scale * 20) / 20, SMALLEST_FONT_PX, preferredPx);
}

/**
 * The font size of a terminal that does not fit, given the one at which all of it does. `zoom` null: all of it, but never in
 * letters smaller than `readablePx`; then the rest is reached by scrolling.
 */
export function zoomedFont(fitPx: number, zoom: number | null, readablePx: number, preferredPx: number): number {
  if (zoom !== null) return fitPx * zoom;
  return Math.max(fitPx, Math.min(readablePx, preferredPx));
}

const LARGEST_ZOOM = 6;

/** The next zoom; near "all of it is visible" it is exactly that. */
export function zoomStep(zoom: number, factor: number): number {
  const next = clamp(zoom * factor, 1, LARGEST_ZOOM);
  return Math.abs(next - 1) < 0.02 ? 1 : next;
}

/** Where to scroll so that a span from `start` to `end` is in view, moving as little as possible. */
export function scrollToShow(start: number, end: number, scroll: number, room: number): number {
  if (start >= scroll && end <= scroll + room) return scroll;
  return Math.max(0, end <= room ? 0 : end - room);
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
