// Terminals of several agents side by side: looked at, not typed into. A click or Enter opens one, Esc comes back.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { agentOrder } from "../app/shortcuts";
import { activity, stateWord } from "../model/agents";
import { formatAge, plural } from "../model/format";
import { GRID_COUNTS, gridAgents, gridMove, gridShape, gridTitle, type Grid } from "../model/grid";
import { EMPTY_LIST, HOLD_MS, steady } from "../model/steady-list";
import { stateSince } from "../model/store";
import type { Agent } from "../protocol/types";
import type { Pixels } from "../terminal/fit";
import { useApp } from "./context";
import { Host } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";

/** `hidden`: one of its agents is open. It keeps its place and what it shows. */
export function GridPage({ grid, hidden }: { grid: Grid; hidden: boolean }): JSX.Element {
  const app = useApp();
  const { source, count } = grid;
  const first = useSignal(0);
  const focused = useSignal(0);
  const all = useAgents(grid);
  const start = Math.floor(Math.min(first.value, Math.max(0, all.length - 1)) / count) * count;
  const cells = all.slice(start, start + count);
  const { columns, rows } = app.space.narrow.value ? { columns: 1, rows: cells.length } : gridShape(cells.length, count);
  const list = useRef<HTMLUListElement>(null);
  const ids = cells.map(({ id }) => id);
  useLayoutEffect(() => void (first.value = start), [start]);
  useLayoutEffect(() => void (!hidden && (app.gridIds.value = ids)), [ids.join(" "), hidden]);
  // Who works with a keyboard goes on with it.
  useEffect(() => {
    if (!hidden && !app.space.touch.value && document.activeElement?.closest("dialog") == null) cellAt(list.current, focused.peek())?.focus({ preventScroll: true });
  }, [cells.length > 0, hidden]);

  const turn = (step: number): void => {
    first.value = Math.max(0, Math.min(start + step * count, all.length - 1));
    focused.value = 0;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const to = gridMove(event.key, focused.value, cells.length, columns);
    if (to !== null) {
      focused.value = to;
      cellAt(list.current, to)?.focus();
    } else if (event.key === "Escape") app.goHome();
    else if (event.key === "PageDown" && start + count < all.length) turn(1);
    else if (event.key === "PageUp" && start > 0) turn(-1);
    else return;
    event.preventDefault();
  };
  return (
    <div class={`grid-page ${hidden ? "hidden" : ""}`} data-testid="grid-page" onKeyDown={onKeyDown}>
      <header class="agent-header grid-header">
        <button class="icon-button back-button" aria-label="Back to the list" onClick={() => app.goHome()}>
          <Icon name="back" />
        </button>
        <h1 class="grid-title"><bdi>{gridTitle(source)}</bdi> <span class="dim">{plural(all.length, "agent")}</span></h1>
        {all.length > count && (
          <span class="grid-pages">
            <button class="icon-button" aria-label="Those before" title="Those before (Page Up)" disabled={start === 0} onClick={() => turn(-1)}><Icon name="up" /></button>
            <span data-testid="grid-range">{start + 1}–{start + cells.length} of {all.length}</span>
            <button class="icon-button" aria-label="Those after" title="Those after (Page Down)" data-testid="grid-next" disabled={start + count >= all.length} onClick={() => turn(1)}><Icon name="down" /></button>
          </span>
        )}
        <fieldset class="grouping grid-counts" data-testid="grid-counts">
          <legend class="visually-hidden">Terminals at once</legend>
          {GRID_COUNTS.map((each) => (
            <label key={each}>
              <input type="radio" name="grid-count" checked={each === count} onChange={() => app.setGridCount(each)} />
              {each}
            </label>
          ))}
        </fieldset>
      </header>
      {all.length === 0 ? (
        <p class="grid-empty" role="status">{source.kind === "waiting" ? "No agent is waiting for you." : app.store.loaded.value ? "None of these agents is running." : ""}</p>
      ) : (
        <ul ref={list} class="grid-cells" style={{ "--columns": columns, "--rows": rows }} aria-label={gridTitle(source)}>
          {cells.map((agent, at) => (
            <Cell key={agent.id} agent={agent} hidden={hidden} tabStop={at === Math.min(focused.value, cells.length - 1)} onFocus={() => (focused.value = at)} />
          ))}
        </ul>
      )}
    </div>
  );
}

function cellAt(list: HTMLUListElement | null, at: number): HTMLElement | null {
  return list?.children[at]?.querySelector<HTMLElement>(".grid-name") ?? null;
}

/** In an order in which nothing changes its place while somebody looks. */
function useAgents({ source }: Grid): Agent[] {
  const app = useApp();
  const ticks = useSignal(0);
  const list = useRef(EMPTY_LIST);
  void ticks.value;
  const agents = agentOrder(app, false).flatMap((id) => app.store.agent(id) ?? []);
  const wanted = gridAgents(source, agents, app.store.waiting.value).map(({ id }) => id);
  const before = new Set(list.current.ids);
  const present = new Set(wanted);
  const inPlace = [...list.current.ids.filter((id) => present.has(id)), ...wanted.filter((id) => !before.has(id))];
  list.current = steady(list.current, inPlace, 0, false, Date.now());
  const { held } = list.current;
  useEffect(() => {
    if (!held) return undefined;
    const timer = setInterval(() => (ticks.value += 1), HOLD_MS / 4);
    return () => clearInterval(timer);
  }, [held]);
  return list.current.ids.flatMap((id) => app.store.agent(id) ?? []).filter(({ terminals }) => terminals.length > 0);
}

/** One agent of a grid. */
function Cell({ agent, hidden, tabStop, onFocus }: { agent: Agent; hidden: boolean; tabStop: boolean; onFocus: () => void }): JSX.Element {
  const app = useApp();
  const { kind } = agent.state;
  const terminal = app.terminalOf(agent, null)!;
  const reachable = app.store.isReachable(agent);
  const age = formatAge(app.now.value - stateSince(agent));
  return (
    <li class={`grid-cell grid-${kind} ${reachable ? "" : "unreachable"}`} data-testid="grid-cell" data-agent-id={agent.id} onClick={() => app.open(agent.id)}>
      <button class="grid-name" tabIndex={tabStop ? 0 : -1} onFocus={onFocus} onClick={(event) => (event.stopPropagation(), app.open(agent.id))}>
        <StateGlyph kind={kind} />
        <span class="agent-card-name"><bdi>{agent.name}</bdi></span>
        <Host agent={agent} />
        <span class="visually-hidden"> {stateWord(agent)} </span>
        <span class="grid-doing"><bdi>{activity(agent)}</bdi></span>
        <span class={`row-age age-${kind}`}>{reachable ? age : "away"}</span>
      </button>
      <SmallTerminal agent={agent} terminal={terminal.id} hidden={hidden} />
    </li>
  );
}

/** A terminal as a picture of itself: whole, and nothing of it can be clicked. It is looked at only while it is in view. */
function SmallTerminal({ agent, terminal, hidden }: { agent: Agent; terminal: number; hidden: boolean }): JSX.Element {
  const app = useApp();
  const space = useRef<HTMLDivElement>(null);
  const inView = useSignal(false);
  const session = useMemo(() => (inView.value ? app.pool.show(agent.id, terminal) : null), [agent.id, terminal, inView.value]);
  useEffect(() => {
    if (hidden) return undefined;
    const observer = new IntersectionObserver(([entry]) => (inView.value = entry?.isIntersecting === true), { rootMargin: "100px" });
    observer.observe(space.current!);
    return () => observer.disconnect();
  }, [hidden]);
  const { size, hasContent, phase } = session?.state.value ?? { size: null, hasContent: false, phase: "detached" as const };
  const fontPx = app.preferences.fontPx.value;
  const room = useRef<Pixels | null>(null);
  const shrink = (): void => {
    if (room.current !== null) session?.view.shrinkInto(room.current, app.preferences.fontPx.peek());
  };
  useLayoutEffect(() => {
    if (session === null || hidden) return undefined;
    app.pool.show(session.agent, session.terminal);
    session.showSmall(space.current!);
    shrink();
    // It may be on the page in large by now.
    return () => void (session.view.host.parentElement === space.current && app.pool.rest(session));
  }, [session, hidden]);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      room.current = entry!.contentRect;
      shrink();
    });
    observer.observe(space.current!);
    return () => observer.disconnect();
  }, [session]);
  useLayoutEffect(() => () => void (session !== null && session.view.host.parentElement === space.current && app.pool.hide(session)), [session]);
  useLayoutEffect(shrink, [session, size?.cols, size?.rows, hasContent, fontPx]);
  return (
    <div
      ref={space}
      class={`grid-terminal ${hasContent ? "" : "blank"} ${phase === "live" ? "" : "stale"}`}
      data-testid="grid-terminal"
      data-phase={phase}
      inert
      aria-hidden="true"
      style={{ "--terminal-bg": app.preferences.look.value.theme.background }}
    />
  );
}
