// The list of agents with its filter, what waits for the user, and the state of the connection.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { besideOpenAgent } from "../app/beside";
import { agentOrder } from "../app/shortcuts";
import { STATE_ORDER, stateNoun } from "../model/agents";
import { plural } from "../model/format";
import { AgentTree } from "./agent-tree";
import { ConnectionBar } from "./connection-bar";
import { useApp } from "./context";
import { Home } from "./home";
import { Icon } from "./icons";
import { MenuLayer } from "./menu";
import { SelectionBar } from "./selection-bar";
import { StateGlyph } from "./state-glyph";
import { TooltipLayer } from "./tooltip";

const THEME_ICONS = { system: "system", light: "sun", dark: "moon" } as const;

export function Sidebar(): JSX.Element {
  const app = useApp();
  const waiting = app.store.waiting.value.length;
  const theme = app.preferences.theme.value;
  // There is no room for the start page beside the list.
  const tabs = app.space.narrow.value && app.store.agents.value.size > 0;
  const asking = app.meeting.requests.value.length;
  const machines = asking === 0 ? "Machines" : `Machines: ${plural(asking, "asks", "ask")} to join`;
  const start = tabs && app.preferences.phoneTab.value === "start";
  // On a phone it is the page while nothing is open.
  return (
    <div class="sidebar" role={app.space.narrow.value ? "main" : "complementary"} aria-label={app.space.narrow.value ? undefined : "Agents"}>
      {app.space.narrow.value && !start && <h1 class="visually-hidden">Agents</h1>}
      <div class="sidebar-header">
        <button class="brand" onClick={() => app.goHome()} aria-label="Consort, start page">
          <img src="icon.svg" alt="" width="20" height="20" />
          <span>Consort</span>
        </button>
        {waiting > 0 && (
          <button
            class="waiting-badge"
            data-testid="next-waiting"
            title="Open the agent that has waited longest (W; in a terminal, Ctrl+Shift+A)"
            onClick={() => app.openNextWaiting()}
          >
            <StateGlyph kind="waiting" />
            {waiting}
            <span class="visually-hidden"> waiting for you</span>
          </button>
        )}
        <button
          class="button primary create"
          data-testid="create-button"
          title="Create an agent (c)"
          onClick={() => (app.dialog.value = besideOpenAgent(app))}
        >
          <Icon name="plus" /> New
        </button>
      </div>
      {tabs && <PhoneTabs />}
      {start ? (
        <Home />
      ) : (
        <>
          <div class="filter-row"><FilterBox /><FoldAll /></div>
          <StateChips />
          {app.hasMachines.value && <GroupingSwitch />}
          <AgentTree />
        </>
      )}
      <SelectionBar />
      <div class="sidebar-footer">
        <ConnectionBar />
        <button
          class={`icon-button ${app.route.value.page === "machines" ? "active" : ""}`}
          data-testid="machines-button"
          title={machines}
          aria-label={machines}
          onClick={() => app.showMachines()}
        >
          <Icon name="machines" />
          {asking > 0 && <span class="button-count" data-testid="asking-count">{asking}</span>}
        </button>
        <button class="icon-button" title={`Theme: ${theme}`} aria-label={`Theme: ${theme}. Change`} onClick={() => app.preferences.cycleTheme()}>
          <Icon name={THEME_ICONS[theme]} />
        </button>
        <button class="icon-button" data-testid="settings-button" title="Settings" aria-label="Settings" onClick={() => (app.dialog.value = { kind: "settings" })}>
          <Icon name="settings" />
        </button>
        <button class="icon-button" title="Keyboard shortcuts (?)" aria-label="Keyboard shortcuts" onClick={() => (app.dialog.value = { kind: "help" })}>
          <Icon name="help" />
        </button>
      </div>
      <ResizeHandle />
      <TooltipLayer />
      <MenuLayer />
    </div>
  );
}

function FilterBox(): JSX.Element {
  const app = useApp();
  const input = useRef<HTMLInputElement>(null);
  const tree = (): Element | null => document.querySelector(".tree");
  const before = useRef<{ readonly focus: HTMLElement | null; readonly scrollTop: number }>({ focus: null, scrollTop: 0 });
  /** Where one was: the list as it was scrolled, and what had the keyboard. */
  const goBack = (): void => {
    const { focus, scrollTop } = before.current;
    app.filter.value = "";
    requestAnimationFrame(() => {
      tree()?.scrollTo({ top: scrollTop, behavior: "instant" });
      // A row is not the same element after it was filtered away.
      if (focus?.role === "treeitem") app.leaveTerminal();
      else if (focus?.isConnected === true) focus.focus();
      else input.current?.blur();
    });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.preventDefault();
      goBack();
    } else if (event.key === "Enter" && app.filter.value !== "") {
      event.preventDefault();
      const first = agentOrder(app)[0];
      if (first !== undefined) app.open(first);
    } else if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      app.leaveTerminal();
    }
  };
  return (
    <label class="filter">
      <Icon name="search" />
      <input
        ref={input}
        id="filter"
        data-testid="filter"
        type="search"
        placeholder="Filter agents"
        aria-label="Filter agents by name, title, directory, tag or state"
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        value={app.filter.value}
        onInput={(event) => (app.filter.value = event.currentTarget.value)}
        onFocus={(event) => {
          if (app.filter.value === "") before.current = { focus: event.relatedTarget as HTMLElement | null, scrollTop: tree()?.scrollTop ?? 0 };
        }}
        onKeyDown={onKeyDown}
      />
      {app.filter.value === "" ? (
        <kbd>/</kbd>
      ) : (
        <button class="icon-button" aria-label="Clear the filter" onClick={() => (app.filter.value = "")}>
          <Icon name="close" />
        </button>
      )}
    </label>
  );
}

/** One for each state that an agent is in: shows only those. */
function StateChips(): JSX.Element | null {
  const app = useApp();
  const { stateFilter, store } = app;
  const agents = [...store.agents.value.values()].filter((agent) => store.isReachable(agent));
  const counts = STATE_ORDER.map((kind) => ({ kind, count: agents.filter(({ state }) => state.kind === kind).length }));
  const shown = counts.filter(({ kind, count }) => count > 0 || kind === stateFilter.value);
  if (shown.length < 2 && stateFilter.value === null) return null;
  return (
    <div class="state-chips" role="group" aria-label="Show only agents in one state" data-testid="state-chips">
      {shown.map(({ kind, count }) => (
        <button
          key={kind}
          class="state-chip"
          data-testid={`state-chip-${kind}`}
          aria-pressed={stateFilter.value === kind}
          aria-label={`${count} ${stateNoun(kind)}`}
          title={stateFilter.value === kind ? "Show all" : `Only those that are ${stateNoun(kind)}`}
          onClick={() => (stateFilter.value = stateFilter.value === kind ? null : kind)}
        >
          <StateGlyph kind={kind} /> {count}
        </button>
      ))}
    </div>
  );
}

/** Folds every level, or unfolds them if there is nothing left to fold. */
function FoldAll(): JSX.Element {
  const app = useApp();
  const folded = app.isAllFolded.value;
  const label = folded ? "Unfold all" : "Fold all";
  return (
    <button
      class="icon-button"
      data-testid="fold-all"
      title={`${label} (Shift+${folded ? "→" : "←"} in the list)`}
      aria-label={label}
      disabled={app.isFiltered.value || app.groupIds.value.length === 0}
      onClick={() => app.foldAll(!folded)}
    >
      <Icon name={folded ? "unfold" : "fold"} />
    </button>
  );
}

function PhoneTabs(): JSX.Element {
  const { phoneTab } = useApp().preferences;
  return (
    <fieldset class="grouping" data-testid="phone-tabs">
      <legend class="visually-hidden">Show</legend>
      {(["start", "agents"] as const).map((choice) => (
        <label key={choice}>
          <input type="radio" name="phone-tab" checked={phoneTab.value === choice} onChange={() => (phoneTab.value = choice)} />
          {choice === "start" ? "Start" : "All agents"}
        </label>
      ))}
    </fieldset>
  );
}

function GroupingSwitch(): JSX.Element {
  const { grouping } = useApp().preferences;
  return (
    <fieldset class="grouping" data-testid="grouping">
      <legend class="visually-hidden">Group the agents by</legend>
      {(["category", "machine"] as const).map((choice) => (
        <label key={choice}>
          <input type="radio" name="grouping" checked={grouping.value === choice} onChange={() => (grouping.value = choice)} />
          {choice === "category" ? "Categories" : "Machines"}
        </label>
      ))}
    </fieldset>
  );
}

const NARROWEST_PX = 200;
const WIDEST_PX = 560;

function ResizeHandle(): JSX.Element {
  const { sidebarPx } = useApp().preferences;
  const handle = useRef<HTMLDivElement>(null);
  const set = (px: number): void => {
    sidebarPx.value = Math.round(Math.max(NARROWEST_PX, Math.min(WIDEST_PX, px)));
  };
  useEffect(() => {
    const element = handle.current!;
    const onMove = (event: PointerEvent): void => {
      if (element.hasPointerCapture(event.pointerId)) set(event.clientX);
    };
    const onDown = (event: PointerEvent): void => element.setPointerCapture(event.pointerId);
    element.addEventListener("pointerdown", onDown);
    element.addEventListener("pointermove", onMove);
    return () => {
      element.removeEventListener("pointerdown", onDown);
      element.removeEventListener("pointermove", onMove);
    };
  }, []);
  return (
    <div
      ref={handle}
      class="resize-handle"
      role="separator"
      aria-orientation="vertical"
      aria-label="Width of the list"
      aria-valuenow={sidebarPx.value}
      aria-valuemin={NARROWEST_PX}
      aria-valuemax={WIDEST_PX}
      tabIndex={0}
      onKeyDown={(event) => {
        if (event.key === "ArrowLeft") set(sidebarPx.value - 16);
        if (event.key === "ArrowRight") set(sidebarPx.value + 16);
      }}
    />
  );
}
