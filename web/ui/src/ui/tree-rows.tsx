// The rows of the tree: a group of agents, and one agent.

import { Fragment, type ComponentChildren, type CSSProperties, type HTMLAttributes, type JSX } from "preact";
import { activity, agentTitle, stateSentence, stateWord } from "../model/agents";
import { filterWords, markedSpan } from "../model/filter";
import { formatAge, shortPath } from "../model/format";
import { troubleOf } from "../model/machines";
import { stateSince } from "../model/store";
import type { AgentRow, GroupRow, Row } from "../model/tree";
import { useApp } from "./context";
import { HostBadge } from "./host-badge";
import { Icon } from "./icons";
import { StateGlyph } from "./state-glyph";
import { hideTooltip, showTooltip } from "./tooltip";

const INDENT_PX = 16;
/** What a group says of the agents below it. */
const ROLLED_UP = [["failed", "cannot go on"], ["working", "working"], ["waiting", "waiting for you"]] as const;

export interface RowPlace {
  readonly top: number;
  readonly height: number;
  readonly tabStop: boolean;
  onFocus(): void;
  onMenu(x: number, y: number): void;
  /** It is one of those that are selected. */
  readonly marked: boolean;
  /** True if a click selects instead of opening. */
  onPick(event: MouseEvent): boolean;
}

export function GroupItem({ row, place }: { row: GroupRow; place: RowPlace }): JSX.Element {
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
      tabIndex={place.tabStop ? 0 : -1}
      style={rowStyle(row, place, app.store.hues.value)}
      onFocus={place.onFocus}
      {...menuEvents(place)}
      onClick={(event) => !place.onPick(event) && (row.folded ? app.preferences.unfold(row.chain) : app.preferences.fold([row.id]))}
    >
      <span class={`fold ${row.folded ? "" : "open"}`}><Icon name="chevron" /></span>
      {row.node !== null ? <Icon name="system" /> : row.path.length === row.labels.length && <span class="swatch" />}
      <span class="row-label"><Levels labels={row.labels} path={row.path} open={row.node === null} /></span>
      {trouble !== "" && <span class="row-age"><Hidden>cannot be reached</Hidden>{trouble}</span>}
      <CreateHere row={row} />
      {ROLLED_UP.map(([kind, words]) => row.states[kind] > 0 && (
        <span key={kind} class={`count count-${kind}`} data-testid={`count-${kind}`} title={`${row.states[kind]} ${words}`}>
          {kind !== "waiting" && <StateGlyph kind={kind} />}{row.states[kind]}<Hidden>{words},</Hidden>
        </span>
      ))}
      <span class="count">{row.count}<Hidden>{row.count === 1 ? "agent" : "agents"}</Hidden></span>
    </div>
  );
}

const LONG_PRESS_MS = 500;
const STILL_PX = 10;
let press: { readonly timer: ReturnType<typeof setTimeout>; readonly x: number; readonly y: number } | undefined;
let pressed = false;

/** The menu of a row: by the right button, and by a finger that stays (not every browser makes a context menu of that). */
function menuEvents({ onMenu }: RowPlace): HTMLAttributes<HTMLDivElement> {
  const cancel = (): void => clearTimeout(press?.timer);
  return {
    onContextMenu: (event) => {
      event.preventDefault();
      cancel();
      onMenu(event.clientX, event.clientY);
    },
    onPointerDown: ({ pointerType, clientX: x, clientY: y }) => {
      cancel();
      pressed = false;
      if (pointerType !== "touch") return;
      const timer = setTimeout(() => {
        pressed = true;
        onMenu(x, y);
      }, LONG_PRESS_MS);
      press = { timer, x, y };
    },
    onPointerMove: ({ clientX, clientY }) => {
      if (press !== undefined && Math.hypot(clientX - press.x, clientY - press.y) > STILL_PX) cancel();
    },
    onPointerUp: cancel,
    onPointerCancel: cancel,
    // The finger that opened the menu opens nothing else.
    onClickCapture: (event) => {
      if (!pressed) return;
      pressed = false;
      event.stopPropagation();
      event.preventDefault();
    },
  };
}

/** For the mouse; the keyboard has C. */
function CreateHere({ row }: { row: GroupRow }): JSX.Element {
  const app = useApp();
  return (
    <button
      class="row-action"
      tabIndex={-1}
      aria-hidden="true"
      title={`Create an agent ${row.node === null ? "in" : "on"} ${row.labels.join(" › ")}`}
      onClick={(event) => {
        event.stopPropagation();
        app.dialog.value = { kind: "create", path: row.path, node: row.machine };
      }}
    >
      <Icon name="plus" />
    </button>
  );
}

export function AgentItem({ row, place, selected }: { row: AgentRow; place: RowPlace; selected: boolean }): JSX.Element {
  const app = useApp();
  const { agent } = row;
  const { kind } = agent.state;
  const node = app.store.nodeOf(agent);
  const unreachable = node !== null && !node.reachable;
  const explain = (event: Event): void =>
    showTooltip(event.currentTarget as Element, () => <AgentSummary row={row} />);
  const age = kind === "waiting" || kind === "done" ? formatAge(app.now.value - stateSince(agent)) : "";
  return (
    <div
      class={`row row-agent ${selected ? "selected" : ""} ${place.marked ? "marked" : ""} ${agent.running ? "" : "stopped"} ${unreachable ? "unreachable" : ""}`}
      role="treeitem"
      data-testid="tree-row"
      data-agent-id={agent.id}
      data-state={kind}
      aria-level={row.depth + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={place.marked}
      aria-current={selected ? "page" : undefined}
      tabIndex={place.tabStop ? 0 : -1}
      style={rowStyle(row, place, app.store.hues.value)}
      onFocus={(event) => {
        place.onFocus();
        if (!app.space.touch.value && event.currentTarget.matches(":focus-visible")) explain(event);
      }}
      onBlur={hideTooltip}
      onMouseEnter={app.space.touch.value ? undefined : explain}
      onMouseLeave={hideTooltip}
      {...menuEvents(place)}
      onClick={(event) => {
        hideTooltip();
        if (!place.onPick(event)) app.open(agent.id);
      }}
    >
      <StateGlyph kind={kind} />
      {row.lead.length > 0 && (
        <>
          {row.depth === 0 && <span class="swatch" />}
          <span class="row-lead" style={{ "--letters": Math.min(4, row.lead.join("").length) }}><Levels labels={row.lead} path={agent.path} open /></span>
          <Separator />
        </>
      )}
      <span class="row-label"><Highlight text={agent.leaf} before={agent.name.slice(0, agent.name.length - agent.leaf.length)} /></span>
      <Hidden>{unreachable ? `${app.store.nameOf(node)} cannot be reached, last known: ` : ""}{stateWord(agent)}</Hidden>
      <span class="row-title"><bdi>{activity(agent)}</bdi></span>
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
      <strong><bdi>{agent.name}</bdi></strong>
      {node !== null && app.hasMachines.value && <span class="dim">{app.store.nameOf(node)}: {app.store.machineSentence(node, app.now.value)}</span>}
      <span class="tooltip-state"><StateGlyph kind={agent.state.kind} /> {stateSentence(agent, app.now.value)}</span>
      {title !== "" && <span dir="auto">{title}</span>}
      {agent.directory !== null && <span class="dim mono">{shortPath(agent.directory, node?.home ?? "")}</span>}
      {agent.tags.length > 0 && <span class="dim">{agent.tags.map((tag) => `#${tag}`).join(" ")}</span>}
    </>
  );
}

/** Marks what the filter found. */
function Highlight({ text, before = "", after = "" }: { text: string; before?: string; after?: string }): JSX.Element {
  const span = markedSpan(text, filterWords(useApp().filter.value), before, after);
  if (span === null) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {text.slice(0, span.from)}
      <mark>{text.slice(span.from, span.to)}</mark>
      {text.slice(span.to)}
    </bdi>
  );
}

/** Levels of a name that share a row: the last ones of `path`. `open`: more follows in the name. */
function Levels({ labels, path, open }: { labels: readonly string[]; path: readonly string[]; open: boolean }): JSX.Element {
  const outside = path.length - labels.length;
  return (
    <>
      {labels.map((label, index) => (
        <Fragment key={index}>
          {index > 0 && <Separator />}
          <Highlight text={label} before={path.slice(0, outside + index).map((level) => `${level}-`).join("")} after={open ? "-" : ""} />
        </Fragment>
      ))}
    </>
  );
}

function Separator(): JSX.Element {
  return <span class="level-separator"> › </span>;
}

/** Part of what a screen reader reads of a row, and of nothing else. */
function Hidden({ children }: { children: ComponentChildren }): JSX.Element {
  return <span class="visually-hidden"> {children} </span>;
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
