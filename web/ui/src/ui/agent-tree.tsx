// The tree of agents: only the rows that are visible exist, and one of them has the keyboard.

import { useComputed, useSignal } from "@preact/signals";
import type { CSSProperties, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { agentTitle, stateSentence, stateWord } from "../model/agents";
import { filterWords, markedSpan, matchesFilter } from "../model/filter";
import { formatAge, shortPath } from "../model/format";
import { stateSince } from "../model/store";
import { troubleOf } from "../model/machines";
import { buildRows, type AgentRow, type GroupRow, type Row } from "../model/tree";
import { treeMove } from "../model/tree-keys";
import { useApp } from "./context";
import { FirstSteps } from "./home";
import { HostBadge } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";
import { hideTooltip, showTooltip } from "./tooltip";

const ROW_PX = 30;
const TOUCH_ROW_PX = 44;
const OVERSCAN_ROWS = 8;
const INDENT_PX = 16;

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
      role="tree"
      aria-label="Agents"
      data-testid="tree"
      onKeyDown={onKeyDown}
      onScroll={(event) => {
        hideTooltip();
        viewport.value = { top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight };
      }}
    >
      <div class="tree-rows" style={{ height: `${all.length * rowPx}px` }} role="presentation">
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
      </div>
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
    else if (move !== null) app.preferences.fold(move.group, move.do === "fold");
    else return;
    event.preventDefault();
  };
}

interface RowPlace {
  readonly top: number;
  readonly height: number;
  readonly tabStop: boolean;
  onFocus(): void;
}

function GroupItem({ row, place }: { row: GroupRow; place: RowPlace }): JSX.Element {
  const app = useApp();
  const node = row.node === null ? null : (app.store.nodesById.value.get(row.node) ?? null);
  const trouble = node === null ? "" : troubleOf(node, app.store.nodesHeardAt, node.reachable ? 0 : app.now.value);
  return (
    <div
      class={`row row-group ${trouble === "" ? "" : "unreachable"}`}
      role="treeitem"
      data-testid="tree-row"
      data-group-id={row.id}
      aria-level={row.depth + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-expanded={!row.folded}
      aria-label={`${row.label}${trouble === "" ? "" : `, cannot be reached, ${trouble}`}, ${row.count} agents${row.waiting > 0 ? `, ${row.waiting} waiting for you` : ""}`}
      tabIndex={place.tabStop ? 0 : -1}
      style={rowStyle(row, place, app.store.hues.value)}
      onFocus={place.onFocus}
      onClick={() => app.preferences.fold(row.id, !row.folded)}
    >
      <span class={`fold ${row.folded ? "" : "open"}`}><Icon name="chevron" /></span>
      {row.node !== null ? <Icon name="system" /> : row.path.length === 1 && <span class="swatch" />}
      <span class="row-label"><Highlight text={row.label} before={groupPrefix(row)} after={row.node === null ? "-" : ""} /></span>
      {trouble !== "" && <span class="row-age">{trouble}</span>}
      <CreateHere row={row} />
      {row.waiting > 0 && <span class="count count-waiting">{row.waiting}</span>}
      <span class="count">{row.count}</span>
    </div>
  );
}

/** For the mouse; the keyboard has C. */
function CreateHere({ row }: { row: GroupRow }): JSX.Element {
  const app = useApp();
  return (
    <button
      class="row-action"
      tabIndex={-1}
      aria-hidden="true"
      title={`Create an agent ${row.node === null ? "in" : "on"} ${row.label}`}
      onClick={(event) => {
        event.stopPropagation();
        app.dialog.value = { kind: "create", path: row.path, node: row.machine };
      }}
    >
      <Icon name="plus" />
    </button>
  );
}

function AgentItem({ row, place, selected }: { row: AgentRow; place: RowPlace; selected: boolean }): JSX.Element {
  const app = useApp();
  const { agent } = row;
  const { kind } = agent.state;
  const title = agentTitle(agent);
  const node = app.store.nodeOf(agent);
  const unreachable = node !== null && !node.reachable;
  const explain = (event: Event): void =>
    showTooltip(event.currentTarget as Element, () => <AgentSummary row={row} />);
  const age = kind === "waiting" || kind === "done" ? formatAge(app.now.value - stateSince(agent)) : "";
  return (
    <div
      class={`row row-agent ${selected ? "selected" : ""} ${agent.running ? "" : "stopped"} ${unreachable ? "unreachable" : ""}`}
      role="treeitem"
      data-testid="tree-row"
      data-agent-id={agent.id}
      data-state={kind}
      aria-level={row.depth + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={selected}
      aria-label={`${agent.leaf}. ${unreachable ? `${app.store.nameOf(node)} cannot be reached. Last known: ` : ""}${stateWord(agent)}`}
      tabIndex={place.tabStop ? 0 : -1}
      style={rowStyle(row, place, app.store.hues.value)}
      onFocus={(event) => {
        place.onFocus();
        if (event.currentTarget.matches(":focus-visible")) explain(event);
      }}
      onBlur={hideTooltip}
      onMouseEnter={app.space.touch.value ? undefined : explain}
      onMouseLeave={hideTooltip}
      onClick={() => {
        hideTooltip();
        app.open(agent.id);
      }}
    >
      <StateGlyph kind={kind} />
      <span class="row-label"><Highlight text={agent.leaf} before={agent.name.slice(0, agent.name.length - agent.leaf.length)} /></span>
      <span class="row-title">{title}</span>
      {node !== null && !node.self && app.preferences.grouping.value === "category" && <HostBadge node={node} />}
      {age !== "" && <span class={`row-age age-${kind}`}>{age}</span>}
    </div>
  );
}

function AgentSummary({ row: { agent } }: { row: AgentRow }): JSX.Element {
  const app = useApp();
  const title = agentTitle(agent);
  const node = app.store.nodeOf(agent);
  return (
    <>
      <strong>{agent.name}</strong>
      {node !== null && app.hasMachines.value && <span class="dim">{app.store.nameOf(node)}: {app.store.machineSentence(node, app.now.value)}</span>}
      <span class="tooltip-state"><StateGlyph kind={agent.state.kind} /> {stateSentence(agent, app.now.value)}</span>
      {title !== "" && <span>{title}</span>}
      {agent.directory !== null && <span class="dim mono">{shortPath(agent.directory, node?.home ?? "")}</span>}
      {agent.tags.length > 0 && <span class="dim">{agent.tags.map((tag) => `#${tag}`).join(" ")}</span>}
    </>
  );
}

/** Marks what the filter found. */
function Highlight({ text, before = "", after = "" }: { text: string; before?: string; after?: string }): JSX.Element {
  const span = markedSpan(text, filterWords(useApp().filter.value), before, after);
  if (span === null) return <>{text}</>;
  return (
    <>
      {text.slice(0, span.from)}
      <mark>{text.slice(span.from, span.to)}</mark>
      {text.slice(span.to)}
    </>
  );
}

function groupPrefix({ path }: GroupRow): string {
  return path.slice(0, -1).map((segment) => `${segment}-`).join("");
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

function rowStyle(row: Row, place: RowPlace, hues: Readonly<Record<string, number>>): CSSProperties {
  const hue = row.category === null ? undefined : hues[row.category];
  return {
    transform: `translateY(${place.top}px)`,
    height: `${place.height}px`,
    paddingLeft: `${8 + row.depth * INDENT_PX}px`,
    "--depth": row.depth,
    ...(hue === undefined ? {} : { "--hue": hue }),
  } as CSSProperties;
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
