// The line under a terminal: what runs where, whose size it has, and the tools for reading it.

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { IS_MAC, copySelection } from "../app/shortcuts";
import { shortPath } from "../model/format";
import { joinShellWords } from "../model/shell-words";
import { directoryOf } from "../model/tabs";
import type { Agent } from "../protocol/types";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";
import { Icon, type IconName } from "./icons";

const ZOOM_STEP = 1.25;
const LARGEST_ZOOM = 6;

interface Props {
  readonly agent: Agent;
  readonly terminal: number;
  readonly session: TerminalSession;
  /** Null: as it is best read. */
  readonly zoom: Signal<number | null>;
}

export function TerminalFooter(props: Props): JSX.Element {
  const app = useApp();
  const { agent, session } = props;
  return (
    <footer class="terminal-footer">
      <Facts {...props} />
      <SizeHolder {...props} />
      <div class="tools" role="group" aria-label="Terminal tools">
        <FontTools {...props} />
        {!app.space.narrow.value && <Tool icon="copy" label={`Copy the selection (${IS_MAC ? "⌘C" : "Ctrl+Shift+C"})`} run={() => copySelection(app)} />}
        <Tool icon="text" label="Show as text, to read and select" testid="show-text" run={() => (app.dialog.value = { kind: "text", session })} />
        <Tool icon="search" label="Search (Ctrl+Shift+F)" testid="search-button" run={() => (app.searching.value = !app.searching.value)} />
        <Tool icon="expand" label="Full screen: only the terminal (Ctrl+Shift+Enter)" testid="fullscreen" run={() => app.setFullScreen(true)} />
      </div>
      <span class="visually-hidden">Press Ctrl+Shift+E to leave the terminal of {agent.name}.</span>
    </footer>
  );
}

function Facts({ agent, terminal }: Props): JSX.Element {
  const home = useApp().store.nodeOf(agent)?.home ?? "";
  const info = agent.terminals.find((candidate) => candidate.id === terminal);
  const directory = directoryOf(agent, terminal);
  const several = agent.terminals.length > 1;
  const program = agent.program === null || several ? (info?.command ?? "") : joinShellWords([agent.program, ...agent.args]);
  return (
    <div class="facts">
      <span class="fact fact-title"><bdi>{info?.title}</bdi></span>
      {program !== "" && <span class="fact mono" title="Program">{program}</span>}
      {directory !== null && <span class="fact mono" title="Directory">{shortPath(directory, home)}</span>}
      <span class="fact" title={agent.backend === "tmux" ? "The session lives in tmux" : "The terminal belongs to Consort"}>{agent.backend}</span>
    </div>
  );
}

/** Whose window decides the size. The button is pressed while it is this one. */
function SizeHolder({ agent, session }: Props): JSX.Element | null {
  const app = useApp();
  const { size, holder, phase } = session.state.value;
  if (size === null) return null;
  const live = phase === "live";
  if (!app.store.mayOperate(agent)) {
    return (
      <div class="size-holder" data-testid="only-looking" title="This machine can only view the agents of other machines">
        <span class="mono">{size.cols}×{size.rows}</span>
        <span>View only</span>
      </div>
    );
  }
  return (
    <div class="size-holder" data-testid="size" data-holder={holder}>
      <span class="mono">{size.cols}×{size.rows}</span>
      {holder === "other" && live && <span class="holder-note">Sized for another window</span>}
      {holder !== "you" && live && (
        <button
          class="button small"
          data-testid="take-size"
          title="Give the terminal as many columns and rows as fit here. Other windows then see it scaled."
          onClick={() => session.takeSize()}
        >
          <Icon name="resize" /> {app.space.narrow.value ? "Fit here" : "Fit to this window"}
        </button>
      )}
      {holder === "you" && live && app.space.touch.value && (
        <button class="button small" data-testid="release-size" title="Let other windows decide the size again" onClick={() => session.releaseSize()}>
          Stop fitting
        </button>
      )}
    </div>
  );
}

/** Letters: of the terminal itself if it fits here, else of the scaled picture of it. */
function FontTools({ session, zoom }: Props): JSX.Element {
  const { preferences } = useApp();
  const scaled = !session.state.value.fitted;
  const scale = session.scale.value;
  const enlarge = (factor: number): void => {
    const next = Math.min(LARGEST_ZOOM, Math.max(1, scale.zoom * factor));
    zoom.value = Math.abs(next - 1) < 0.02 ? 1 : next;
  };
  const middle = scaled
    ? { label: scale.all ? "Readable size" : "Show all of the terminal", text: scale.all ? "All" : `${Math.round(scale.zoom * 100)}%` }
    : { label: "Normal size", text: String(preferences.fontPx.value) };
  return (
    <>
      <button class="icon-button font-step" aria-label="A−, smaller text" title="Smaller text" data-testid="font-smaller"
        onClick={() => (scaled ? enlarge(1 / ZOOM_STEP) : preferences.changeFont(-1))}>A−</button>
      <button class="icon-button font-step font-size" aria-label={`${middle.text}, ${middle.label}`} title={middle.label} data-testid="font-reset"
        onClick={() => (scaled ? (zoom.value = scale.all ? null : 1) : preferences.changeFont(0))}>
        {middle.text}
      </button>
      <button class="icon-button font-step" aria-label="A+, larger text" title="Larger text" data-testid="font-larger"
        onClick={() => (scaled ? enlarge(ZOOM_STEP) : preferences.changeFont(1))}>A+</button>
    </>
  );
}

function Tool({ icon, label, run, testid }: { icon: IconName; label: string; run: () => void; testid?: string }): JSX.Element {
  return (
    <button class="icon-button" data-testid={testid} title={label} aria-label={label} onMouseDown={(event) => event.preventDefault()} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}
