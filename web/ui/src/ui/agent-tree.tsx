// The tree of agents: only the rows that are visible exist, and one of them has the keyboard.

import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { filterWords, matchesFilter } from "../model/filter";
import { buildRows, type Row } from "../model/tree";
import { treeMove } from "../model/tree-keys";
import { useApp } from "./context";
import { FirstSteps } from "./home";
import { hideTooltip } from "./tooltip";
import { AgentItem, GroupItem, type RowPlace } from "./tree-rows";

const ROW_PX = 30;
const TOUCH_ROW_PX = 44;
const OVERSCAN_ROWS = 8;

export function AgentTree(): JSX.Element {
  const app = useApp();
  const scroller = useRef<HTMLDivElement>(null);
  const viewport = useSignal({ top: 0, height: 800 });
  const focused = useSignal<string | null>(null);
  const keyboardMoved = useRef(false);
  const rows = useComputed(() => {
    const words = filterWords(app.filter.value);
    const agents = [...app.store.agents.value.values()].filter((agent) => matchesFilter(agent, words));
    return buildRows(agents, {
      folded: app.preferences.foldedSet.value,
      unfoldAll: words.length > 0,
      levelsOf: app.levelsOf.value,
      isWaiting: (agent) => app.store.isWaiting(agent),
      ranks: app.ranks.value,
    });
  });
  const rowPx = app.space.touch.value ? TOUCH_ROW_PX : ROW_PX;
  const all = rows.value;
  const selected = app.route.value.agent;
  const tabStop = indexOfRow(all, focused.value) ?? indexOfRow(all, selected) ?? 0;

  useViewport(scroller, viewport);
  useRevealSelected(scroller, all, selected, rowPx);

  const pageRows = Math.max(1, Math.floor(viewport.value.height / rowPx) - 1);
  const onKeyDown = useTreeKeys(all, tabStop, pageRows, (index) => {
    focused.value = all[index]?.id ?? null;
    keyboardMoved.current = true;
    reveal(scroller.current!, index, rowPx);
  });
  // The row may only exist after this rendering.
  useLayoutEffect(() => {
    if (!keyboardMoved.current) return;
    keyboardMoved.current = false;
    scroller.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  });

  return (
    <div
      ref={scroller}
      class="tree"
      data-testid="tree"
      onKeyDown={onKeyDown}
      onScroll={(event) => {
        hideTooltip();
        viewport.value = { top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight };
      }}
    >
      {all.length > 0 && <div class="tree-rows" style={{ height: `${all.length * rowPx}px` }} role="tree" aria-label="Agents">
        {visibleIndices(all.length, viewport.value, rowPx, tabStop).map((index) => {
          const row = all[index]!;
          const place: RowPlace = {
            top: index * rowPx,
            height: rowPx,
            tabStop: index === tabStop,
            onFocus: () => (focused.value = row.id),
          };
          return row.kind === "group" ? (
            <GroupItem key={`g${row.id}`} row={row} place={place} />
          ) : (
            <AgentItem key={`a${row.id}`} row={row} place={place} selected={row.id === selected} />
          );
        })}
      </div>}
      {all.length === 0 && <NothingToShow />}
    </div>
  );
}

function useTreeKeys(
  rows: readonly Row[],
  tabStop: number,
  pageRows: number,
  focusRow: (index: number) => void,
): (event: KeyboardEvent) => void {
  const app = useApp();
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows[tabStop];
    const move = treeMove(rows, tabStop, event.key, pageRows);
    if (event.key === "F2" && row?.kind === "agent") {
      app.open(row.id, { focus: false });
      app.renaming.value = row.id;
    } else if (move?.do === "focus") focusRow(move.index);
    else if (move?.do === "open") app.open(move.agent, { focus: event.key === "Enter" });
    else if (move?.do === "fold") app.preferences.fold([move.group]);
    else if (move?.do === "unfold") app.preferences.unfold(move.groups);
    else return;
    event.preventDefault();
  };
}

function NothingToShow(): JSX.Element | null {
  const app = useApp();
  if (!app.store.loaded.value) return null;
  if (app.filter.value === "") return app.space.narrow.value ? <FirstSteps /> : null;
  return (
    <p class="tree-empty" role="status">
      Nothing matches “{app.filter.value}”.
      <button class="link-button" onClick={() => (app.filter.value = "")}>Show all</button>
    </p>
  );
}

/** Rows near the viewport, and the one with the keyboard: it must not lose it by being scrolled away. */
function visibleIndices(count: number, viewport: { top: number; height: number }, rowPx: number, tabStop: number): number[] {
  const first = Math.max(0, Math.floor(viewport.top / rowPx) - OVERSCAN_ROWS);
  const last = Math.min(count - 1, Math.ceil((viewport.top + viewport.height) / rowPx) + OVERSCAN_ROWS);
  const indices: number[] = [];
  if (tabStop < first && tabStop < count) indices.push(tabStop);
  for (let index = first; index <= last; index++) indices.push(index);
  if (tabStop > last && tabStop < count) indices.push(tabStop);
  return indices;
}

function indexOfRow(rows: readonly Row[], id: string | null): number | null {
  if (id === null) return null;
  const index = rows.findIndex((row) => row.id === id);
  return index === -1 ? null : index;
}

function reveal(scroller: HTMLElement, index: number, rowPx: number): void {
  const top = index * rowPx;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + rowPx > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + rowPx - scroller.clientHeight;
}

function useViewport(scroller: { current: HTMLElement | null }, viewport: { value: { top: number; height: number } }): void {
  useEffect(() => {
    const element = scroller.current!;
    const observer = new ResizeObserver(() => {
      viewport.value = { top: element.scrollTop, height: element.clientHeight };
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
}

/** Scrolls to the open agent when another one is opened, not when the list changes around it. */
function useRevealSelected(
  scroller: { current: HTMLElement | null },
  rows: readonly Row[],
  selected: string | null,
  rowPx: number,
): void {
  const revealed = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (selected === revealed.current) return;
    const index = indexOfRow(rows, selected);
    if (index === null) return;
    revealed.current = selected;
    reveal(scroller.current!, index, rowPx);
  }, [rows, selected]);
}
