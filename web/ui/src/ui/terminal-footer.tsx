// The line under a terminal: what runs where, whose size it has, and the tools for reading it.

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

interface Props {
  readonly agent: Agent;
  readonly terminal: number;
  readonly session: TerminalSession;
  /** Seen with the other terminals of its window: scaled as that window is. */
  readonly together: boolean;
}

export function TerminalFooter(props: Props): JSX.Element {
  const app = useApp();
  const { agent, session } = props;
  return (
    <footer class="terminal-footer">
      <Facts {...props} />
      <SizeHolder {...props} />
      <div class="tools" role="group" aria-label="Terminal tools">
        {!props.together && <FontTools {...props} />}
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
      {info !== undefined && info.title !== "" && <span class="fact fact-title"><bdi>{info.title}</bdi></span>}
      {program !== "" && <span class="fact mono" title="Program">{program}</span>}
      {directory !== null && <span class="fact mono" title="Directory">{shortPath(directory, home)}</span>}
      <span class="fact" title={agent.backend === "tmux" ? "The session lives in tmux" : "The terminal belongs to Consort"}>{agent.backend}</span>
    </div>
  );
}

/** Whose window decides the size. The button is pressed while it is this one. */
function SizeHolder({ agent, session, together }: Props): JSX.Element | null {
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
      {live && !together && <FitButton session={session} fits={holder === "you"} />}
    </div>
  );
}

/** Pressed while the terminal has the size of the space here. */
function FitButton({ session, fits }: { session: TerminalSession; fits: boolean }): JSX.Element {
  const { space } = useApp();
  return (
    <button
      class={`button small ${fits ? "pressed" : ""}`}
      data-testid={fits ? "release-size" : "take-size"}
      aria-pressed={fits}
      title={fits
        ? "It fits here until you leave it. Press to give it back the size it had"
        : "Give the terminal as many columns and rows as fit here, until you leave it. Other windows then see it scaled"}
      onClick={() => (fits ? session.releaseSize() : session.takeSize())}
    >
      <Icon name="resize" /> {space.narrow.value ? "Fit here" : "Fit to this window"}
    </button>
  );
}

/** Letters: of the terminal itself if it fits here, else of the scaled picture of it. */
function FontTools({ session }: Props): JSX.Element {
  const { preferences } = useApp();
  const scaled = !session.state.value.fitted;
  const scale = session.scale.value;
  const middle = scaled
    ? { label: scale.all ? "All of the terminal is shown. Press for a readable size" : `${px(scale.fontPx)} pixels: text size. Press to show all of the terminal`, text: scale.all ? "All" : px(scale.fontPx) }
    : { label: `${px(preferences.fontPx.value)} pixels: text size. Press for the normal size`, text: px(preferences.fontPx.value) };
  return (
    <>
      <button class="icon-button font-step" aria-label="A−, smaller text" title="Smaller text" data-testid="font-smaller"
        onClick={() => (scaled ? session.zoomBy(1 / ZOOM_STEP) : preferences.changeFont(-1))}>A−</button>
      <button class="icon-button font-step font-size" aria-label={middle.label} title={middle.label} data-testid="font-reset"
        onClick={() => (scaled ? session.setZoom(scale.all ? null : 1) : preferences.changeFont(0))}>
        {middle.text}
      </button>
      <button class="icon-button font-step" aria-label="A+, larger text" title="Larger text" data-testid="font-larger"
        onClick={() => (scaled ? session.zoomBy(ZOOM_STEP) : preferences.changeFont(1))}>A+</button>
    </>
  );
}

/** The same unit whether the terminal fits or is scaled: pixels. */
function px(fontPx: number): string {
  return String(Math.round(fontPx));
}

function Tool({ icon, label, run, testid }: { icon: IconName; label: string; run: () => void; testid?: string }): JSX.Element {
  return (
    <button class="icon-button" data-testid={testid} title={label} aria-label={label} onMouseDown={(event) => event.preventDefault()} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}
