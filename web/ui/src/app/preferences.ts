// What this browser remembers between visits.

import { computed, signal } from "@preact/signals";
import { isBoolean, isNumber, isOneOf, isStrings, isText, isTexts, persisted, shared } from "../model/persisted";
import type { Grouping } from "../model/machines";
import { isAlertSettings, NO_ALERTS, type AlertSettings } from "../model/alerts";
import { isGridCount, type GridCount } from "../model/grid";
import { isRecentList, type Recent } from "../model/recent";
import { DARK_TERMINAL, LIGHT_TERMINAL } from "../terminal/theme";
import type { TerminalLook } from "../terminal/terminal-view";

const FONT_DEFAULT_PX = 13;
const FONT_SMALLEST_PX = 8;
const FONT_LARGEST_PX = 28;

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export class Preferences {
  readonly theme = persisted<Theme>("theme", "system", isOneOf(...THEMES));
  /** The terminal stays dark in the light design: many programs choose their colours for that. */
  readonly darkTerminal = persisted("dark-terminal", false, isBoolean);
  readonly fontPx = persisted("font-px", FONT_DEFAULT_PX, isNumber);
  /** What Shift+Enter and Ctrl+Enter do. */
  readonly shiftEnter = persisted<"new-line" | "submit">("shift-enter", "new-line", isOneOf("new-line", "submit"));
  readonly screenReader = persisted("screen-reader", false, isBoolean);
  readonly folded = persisted<string[]>("folded", [], isStrings);
  /** The terminals of one window are seen together, as tmux lays them out. */
  readonly panesTogether = persisted("panes-together", false, isBoolean);
  readonly detailsOpen = persisted("details-open", false, isBoolean);
  readonly sidebarPx = persisted("sidebar-px", 288, isNumber);
  readonly grouping = persisted<Grouping>("grouping", "category", isOneOf("category", "machine"));
  /** On a phone: who waits and what goes on, or the list of all agents. */
  readonly phoneTab = persisted<"start" | "agents">("phone-tab", "start", isOneOf("start", "agents"));
  readonly recent = persisted<readonly Recent[]>("recent", [], isRecentList);
  /** How many terminals a grid has. */
  readonly gridCount = persisted<GridCount>("grid-count", 4, isGridCount);
  /** Of what the browser notifies. */
  readonly alerts = shared<AlertSettings>("alerts", NO_ALERTS, isAlertSettings);
  /** Somebody has read that notifications exist, and did not want them. */
  readonly alertsDeclined = persisted("alerts-declined", false, isBoolean);
  /** What the agent that was created last runs. */
  readonly lastPreset = persisted("last-preset", "", isText);
  /** Where an agent was created last, by machine. */
  readonly lastDirectories = persisted<Record<string, string>>("last-directories", {}, isTexts);

  private readonly touch = mediaSignal("(pointer: coarse)");
  private readonly systemDark = mediaSignal("(prefers-color-scheme: dark)");

  readonly isDark = computed(() =>
    this.theme.value === "system" ? this.systemDark.value : this.theme.value === "dark",
  );
  readonly foldedSet = computed<ReadonlySet<string>>(() => new Set(this.folded.value));
  readonly look = computed<TerminalLook>(() => {
    const dark = this.isDark.value || this.darkTerminal.value;
    return {
      fontPx: this.fontPx.value,
      theme: dark ? DARK_TERMINAL : LIGHT_TERMINAL,
      dark,
      screenReader: this.screenReader.value,
      // On phones the DOM renderer is sharp at any scale, and spares the battery.
      accelerated: !this.touch.value,
    };
  });

  fold(groups: readonly string[]): void {
    this.folded.value = [...new Set([...this.folded.value, ...groups])];
  }

  unfold(groups: readonly string[]): void {
    if (!groups.some((group) => this.foldedSet.value.has(group))) return;
    this.folded.value = this.folded.value.filter((id) => !groups.includes(id));
  }

  changeFont(step: -1 | 0 | 1): void {
    const next = step === 0 ? FONT_DEFAULT_PX : this.fontPx.value + step;
    this.fontPx.value = Math.min(FONT_LARGEST_PX, Math.max(FONT_SMALLEST_PX, next));
  }

  cycleTheme(): void {
    this.theme.value = THEMES[(THEMES.indexOf(this.theme.value) + 1) % THEMES.length]!;
  }
}

/** A media query as a signal. */
export function mediaSignal(query: string): { readonly value: boolean } {
  const media = matchMedia(query);
  const matches = signal(media.matches);
  media.addEventListener("change", () => (matches.value = media.matches));
  return matches;
}
