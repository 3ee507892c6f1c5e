// The icons: strokes on a 16 × 16 grid, in the colour of the text around them.

import type { JSX } from "preact";

const PATHS = {
  plus: "M8 3v10M3 8h10",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5 14 14",
  chevron: "m6 4 4 4-4 4",
  fold: "m5 2.5 3 3 3-3M5 13.5l3-3 3 3M2.5 8h11",
  unfold: "m5 5.5 3-3 3 3M5 10.5l3 3 3-3M2.5 8h11",
  back: "m10 3-5 5 5 5",
  up: "m4 10 4-4 4 4",
  down: "m4 6 4 4 4-4",
  close: "m4 4 8 8M12 4l-8 8",
  stop: "M4.5 4.5h7v7h-7z",
  play: "M5 3.5v9l7-4.5-7-4.5Z",
  restart: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5V5h-2.5",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5 5 13h6l.5-8.5M7 7v3.5M9 7v3.5",
  edit: "m3 13 .6-2.6L10.8 3.2a1 1 0 0 1 1.4 0l.6.6a1 1 0 0 1 0 1.4l-7.2 7.2L3 13Z",
  panes: "M2.5 3h11v10h-11zM8 3v10M8 8h5.5",
  panel: "M2.5 3h11v10h-11zM10 3v10",
  sun: "M8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13 9.4A5.5 5.5 0 1 1 6.6 3a4.4 4.4 0 0 0 6.4 6.4Z",
  system: "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
  help: "M6.2 6.2a1.9 1.9 0 1 1 2.7 1.7c-.6.3-.9.7-.9 1.4M8 11.6v.1M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  settings: "M2.5 4.5h6M11.5 4.5h2M10 3v3M2.5 11.5h2M7.5 11.5h6M6 10v3",
  expand: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  machines: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5v.1M5 11v.1",
  shrink: "M6 3v3H3M13 6h-3V3M10 13v-3h3M3 10h3v3",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  paste: "M5.5 3.5h-2v10h9v-10h-2M5.5 2.5h5v2.5h-5z",
  bell: "M8 2.5a3.6 3.6 0 0 0-3.6 3.6c0 3.4-1.4 4.6-1.4 4.6h10s-1.4-1.2-1.4-4.6A3.6 3.6 0 0 0 8 2.5ZM6.7 13.2h2.6",
  grid: "M2.5 3h4.7v4.2H2.5zM8.8 3h4.7v4.2H8.8zM2.5 8.8h4.7V13H2.5zM8.8 8.8h4.7V13H8.8z",
  folder: "M2 4.5h4l1.5 1.5H14v7H2z",
  branch: "M4.5 3v10M4.5 9.5c4 0 7-1 7-4.5M11.5 5a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
  resize: "M9.5 3H13v3.5M6.5 13H3V9.5M13 3 9 7M3 13l4-4",
  text: "M3 4h10M3 7h10M3 10h10M3 13h6",
  keyboard: "M1.5 4h13v8h-13zM4 6.5v.1M6.7 6.5v.1M9.3 6.5v.1M12 6.5v.1M5 9.5h6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
