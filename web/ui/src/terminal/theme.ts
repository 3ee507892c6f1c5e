// Colours of the terminal in the light and the dark design, and its font.

import type { ITheme } from "@xterm/xterm";

export const TERMINAL_FONT =
  'ui-monospace, "SF Mono", SFMono-Regular, "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

/** What a cell measures, without a terminal. */
export function measureCell(fontPx: number): { width: number; height: number } {
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return { width: 0, height: 0 };
  context.font = `${fontPx}px ${TERMINAL_FONT}`;
  const { width, fontBoundingBoxAscent, fontBoundingBoxDescent } = context.measureText("W");
  return { width, height: Math.ceil(fontBoundingBoxAscent + fontBoundingBoxDescent) };
}

/** Behind the match of a search that was found last. */
export const CURRENT_MATCH = "#ff9f2e";

export const DARK_TERMINAL: ITheme = {
  background: "#0e1014",
  foreground: "#d7dae0",
  cursor: "#8ab4ff",
  cursorAccent: "#0e1014",
  selectionBackground: "#33508a99",
  scrollbarSliderBackground: "#ffffff1f",
  scrollbarSliderHoverBackground: "#ffffff38",
  scrollbarSliderActiveBackground: "#ffffff52",
  black: "#363d49",
  red: "#f07178",
  green: "#8fcf7f",
  yellow: "#e6c07b",
  blue: "#7aa7ff",
  magenta: "#cf9bf5",
  cyan: "#6fcfdb",
  white: "#c9ced8",
  brightBlack: "#737b8a",
  brightRed: "#ff9097",
  brightGreen: "#aee59f",
  brightYellow: "#ffd88f",
  brightBlue: "#a3c3ff",
  brightMagenta: "#e2bcff",
  brightCyan: "#98e6ef",
  brightWhite: "#ffffff",
};

export const LIGHT_TERMINAL: ITheme = {
  background: "#ffffff",
  foreground: "#24292f",
  cursor: "#2f5bd7",
  cursorAccent: "#ffffff",
  selectionBackground: "#a9c6ff99",
  scrollbarSliderBackground: "#0000001f",
  scrollbarSliderHoverBackground: "#00000038",
  scrollbarSliderActiveBackground: "#00000052",
  black: "#24292f",
  red: "#c4262e",
  green: "#17743a",
  yellow: "#8a5a00",
  blue: "#1f5fd0",
  magenta: "#8839b3",
  cyan: "#0b6f80",
  white: "#d0d7de",
  brightBlack: "#57606a",
  brightRed: "#a40e26",
  brightGreen: "#116329",
  brightYellow: "#6f4a00",
  brightBlue: "#0a4bb5",
  brightMagenta: "#6e2c96",
  brightCyan: "#0a5a68",
  brightWhite: "#ffffff",
};
