// The line under a terminal: what runs where, whose size it has, and the tools for reading it.

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { IS_MAC, copySelection, toggleFullScreen } from "../app/shortcuts";
import { shortPath } from "../model/format";
import { joinShellWords } from "../model/shell-words";
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
  readonly zoom: Signal<number>;
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
        {document.fullscreenEnabled && <Tool icon="expand" label="Full screen (Ctrl+Shift+Enter)" testid="fullscreen" run={toggleFullScreen} />}
      </div>
      <span class="visually-hidden">Press Ctrl+Shift+E to leave the terminal of {agent.name}.</span>
    </footer>
  );
}

function Facts({ agent, terminal }: Props): JSX.Element {
  const home = useApp().store.self.value?.home ?? "";
  const info = agent.terminals.find((candidate) => candidate.id === terminal);
  const program = agent.program === null ? (info?.command ?? "") : joinShellWords([agent.program, ...agent.args]);
  return (
    <div class="facts">
      <span class="fact fact-title">{info?.title}</span>
      {program !== "" && <span class="fact mono" title="Program">{program}</span>}
      {agent.directory !== null && <span class="fact mono" title="Directory">{shortPath(agent.directory, home)}</span>}
      <span class="fact" title={agent.backend === "tmux" ? "The session lives in tmux" : "The node owns this terminal"}>{agent.backend}</span>
    </div>
  );
}

function SizeHolder({ session }: Props): JSX.Element | null {
  const app = useApp();
  const { size, holder, phase } = session.state.value;
  if (size === null) return null;
  const live = phase === "live";
  return (
    <div class="size-holder" data-testid="size" data-holder={holder}>
      <span class="mono">{size.cols}×{size.rows}</span>
      {holder === "other" && live && <span class="holder-note">sized elsewhere</span>}
      {holder !== "you" && live && (
        <button
          class="button small"
          data-testid="take-size"
          title="Give the terminal the size of this window. Other viewers then see it scaled."
          onClick={() => session.takeSize()}
        >
          <Icon name="resize" /> Take size
        </button>
      )}
      {holder === "you" && live && app.space.touch.value && (
        <button class="button small" data-testid="release-size" onClick={() => session.releaseSize()}>Give size back</button>
      )}
    </div>
  );
}

/** Letters: of the terminal itself if its size is decided here, else of the scaled picture of it. */
function FontTools({ session, zoom }: Props): JSX.Element {
  const { preferences } = useApp();
  const scaled = session.state.value.holder !== "you";
  const enlarge = (factor: number): void => {
    zoom.value = Math.min(LARGEST_ZOOM, Math.max(1, zoom.value * factor));
  };
  return (
    <>
      <button class="icon-button font-step" aria-label="Smaller letters" title="Smaller letters" data-testid="font-smaller"
        onClick={() => (scaled ? enlarge(1 / ZOOM_STEP) : preferences.changeFont(-1))}>A−</button>
      <button class="icon-button font-step font-size" aria-label="Normal letters" title="Normal letters" data-testid="font-reset"
        onClick={() => (scaled ? (zoom.value = 1) : preferences.changeFont(0))}>
        {scaled ? (zoom.value === 1 ? "fit" : `${Math.round(zoom.value * 100)}%`) : preferences.fontPx.value}
      </button>
      <button class="icon-button font-step" aria-label="Larger letters" title="Larger letters" data-testid="font-larger"
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
