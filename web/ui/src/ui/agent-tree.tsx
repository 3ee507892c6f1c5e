// The tree of agents: only the rows that are visible exist, and one of them has the keyboard.

import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { App, OpenMenu } from "../app/app";
import { agentCommands, groupCommands, severalCommands } from "../app/commands";
import { extended } from "../model/selection";
import type { Agent } from "../protocol/types";
import { ancestorIds, buildRows, type Row } from "../model/tree";
import { treeMove } from "../model/tree-keys";
import { useApp } from "./context";
import { FirstSteps } from "./home";
import { stateNoun } from "../model/agents";
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
    return buildRows(app.listed.value, {
      folded: app.preferences.foldedSet.value,
      unfoldAll: app.isFiltered.value,
      levelsOf: app.levelsOf.value,
      isReachable: (agent) => app.store.isReachable(agent),
      ranks: app.ranks.value,
    });
  });
  const rowPx = app.space.touch.value ? TOUCH_ROW_PX : ROW_PX;
  const all = rows.value;
  const selected = app.route.value.agent;
  const marked = app.selection.value;
  const tabStop = indexOfRow(all, focused.value) ?? indexOfRow(all, selected) ?? 0;

  useViewport(scroller, viewport);
  useRevealSelected(scroller, all, selected, rowPx);

  const pageRows = Math.max(1, Math.floor(viewport.value.height / rowPx) - 1);
  const openMenu = (row: Row, x: number, y: number): void => {
    hideTooltip();
    app.menu.value = { ...menuFor(app, row), x, y };
  };
  const onKeyDown = useTreeKeys(all, tabStop, pageRows, openMenu, (index) => {
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
      {all.length > 0 && <div class="tree-rows" style={{ height: `${all.length * rowPx}px` }} role="tree" aria-label="Agents" aria-multiselectable="true">
        {visibleIndices(all.length, viewport.value, rowPx, tabStop).map((index) => {
          const row = all[index]!;
          const place: RowPlace = {
            top: index * rowPx,
            height: rowPx,
            tabStop: index === tabStop,
            onFocus: () => (focused.value = row.id),
            onMenu: (x, y) => openMenu(row, x, y),
            marked: row.kind === "agent" && marked.ids.has(row.id),
            onPick: (event) => pick(app, all, row, event),
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
  openMenu: (row: Row, x: number, y: number) => void,
  focusRow: (index: number) => void,
): (event: KeyboardEvent) => void {
  const app = useApp();
  return (event) => {
    const row = rows[tabStop];
    if (row === undefined || event.metaKey || event.altKey) return;
    if (event.ctrlKey) {
      if (event.key !== " ") return;
      app.select(agentsBelow(app, row).map(({ id }) => id));
      event.preventDefault();
      return;
    }
    const move = treeMove(rows, tabStop, event.key, pageRows);
    const element = (event.target as Element).closest('[role="treeitem"]');
    if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
      const { left, bottom } = element!.getBoundingClientRect();
      openMenu(row, left + 24, bottom);
    } else if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      app.foldAll(event.key === "ArrowLeft");
    } else if (event.shiftKey && move?.do === "focus") {
      app.selection.value = extended(app.selection.value, rows, rows[move.index]!.id, row.id);
      focusRow(move.index);
    } else if (event.key === "Escape" && app.selected.value.length > 0) {
      app.clearSelection();
    } else if (event.key === "Escape" && app.isFiltered.value) {
      app.showAll();
    } else if (event.key === "F2" && row.kind === "agent") {
      app.rename(row.agent);
    } else if (move?.do === "focus") focusRow(move.index);
    else if (move?.do === "open") app.open(move.agent, { focus: event.key === "Enter" });
    else if (move?.do === "fold") app.preferences.fold([move.group]);
    else if (move?.do === "unfold") app.preferences.unfold(move.groups);
    else return;
    event.preventDefault();
  };
}

/** The agents that a row stands for, also where they are folded away. */
function agentsBelow(app: App, row: Row): Agent[] {
  if (row.kind === "agent") return [row.agent];
  return app.listed.value.filter((agent) => ancestorIds(agent, app.levelsOf.value).includes(row.id));
}

/** A row of several that are selected has the menu of all of them. */
function menuFor(app: App, row: Row): Pick<OpenMenu, "label" | "commands"> {
  const { selected } = app;
  if (row.kind === "group") return { label: row.labels.join(" › "), commands: groupCommands(app, row, agentsBelow(app, row)) };
  if (selected.value.length > 1 && app.selection.value.ids.has(row.id)) {
    return { label: `${selected.value.length} agents`, commands: severalCommands(app, selected.value) };
  }
  return { label: row.agent.name, commands: agentCommands(app, row.agent) };
}

/** True if a click selects instead of opening. */
function pick(app: App, rows: readonly Row[], row: Row, event: MouseEvent): boolean {
  if (event.shiftKey) app.selection.value = extended(app.selection.value, rows, row.id, app.route.value.agent);
  else if (event.ctrlKey || event.metaKey || (app.selecting.value && row.kind === "agent")) app.select(agentsBelow(app, row).map(({ id }) => id));
  else return false;
  return true;
}

function NothingToShow(): JSX.Element | null {
  const app = useApp();
  if (!app.store.loaded.value) return null;
  if (!app.isFiltered.value) return app.space.narrow.value ? <FirstSteps /> : null;
  return (
    <p class="tree-empty" role="status">
      {app.filter.value === "" ? `No agent is ${stateNoun(app.stateFilter.value!)} now.` : `Nothing matches “${app.filter.value}”${app.stateFilter.value === null ? "" : ` and is ${stateNoun(app.stateFilter.value)}`}.`}
      <button class="link-button" onClick={() => app.showAll()}>Show all</button>
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
