import { describe, expect, it } from "vitest";
import { windowLayout } from "../src/model/window-layout";
import type { TerminalInfo } from "../src/protocol/types";

function pane(id: number, left: number, top: number, cols: number, rows: number, window = "0:sh"): TerminalInfo {
  return { id, title: "", command: "sh", cols, rows, left, top, index: 0, active: id === 1, window, exit_code: null };
}

describe("the layout of a window", () => {
  const beside = [pane(1, 0, 0, 39, 24), pane(2, 40, 0, 40, 11), pane(3, 40, 12, 40, 12), pane(4, 0, 0, 80, 24, "1:logs")];

  it("has every terminal of the window in its part of it", () => {
    const places = windowLayout(beside, 2)!;
    expect(places.map(({ terminal }) => terminal.id)).toEqual([1, 2, 3]);
    expect(places[0]).toMatchObject({ left: 0, top: 0, width: 48.75, height: 100 });
    expect(places[2]).toMatchObject({ left: 50, top: 50, width: 50, height: 50 });
  });

  it("is absent for a window with one terminal", () => {
    expect(windowLayout(beside, 4)).toBeNull();
    expect(windowLayout([], 1)).toBeNull();
  });

  it("is absent while one terminal is zoomed over the others", () => {
    expect(windowLayout([pane(1, 0, 0, 80, 24), pane(2, 40, 0, 40, 24)], 1)).toBeNull();
  });
});
