// Searches one terminal and its scrollback.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { TerminalSession } from "../terminal/session";
import { useApp } from "./context";
import { Icon } from "./icons";

export function SearchBar({ session }: { session: TerminalSession }): JSX.Element {
  const app = useApp();
  const input = useRef<HTMLInputElement>(null);
  const text = useSignal("");
  useLayoutEffect(() => {
    input.current?.focus();
    return () => session.view.endSearch();
  }, [session]);

  const close = (): void => {
    app.searching.value = false;
    app.focusTerminal();
  };
  const find = (direction: "next" | "previous"): void => session.view.find(text.value, direction);
  const { index, count } = session.searchResult.value;
  const position = index >= 0 ? `${index + 1} of ${count}` : `${count}${count >= 1000 ? "+" : ""}`;
  return (
    <div class="search-bar" role="search" data-testid="search-bar">
      <input
        ref={input}
        data-testid="search-input"
        aria-label="Search in the terminal"
        placeholder="Search in the terminal"
        spellcheck={false}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          session.view.find(text.value, "previous", true);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") close();
          if (event.key === "Enter") find(event.shiftKey ? "next" : "previous");
        }}
      />
      <span class="search-count" data-testid="search-count" role="status">
        {text.value === "" ? "" : count === 0 ? "nothing found" : position}
      </span>
      <button class="icon-button" aria-label="Previous match, further up" title="Previous, further up (Enter)" data-testid="search-previous" onClick={() => find("previous")}>
        <Icon name="up" />
      </button>
      <button class="icon-button" aria-label="Next match, further down" title="Next, further down (Shift+Enter)" data-testid="search-next" onClick={() => find("next")}>
        <Icon name="down" />
      </button>
      <button class="icon-button" aria-label="Close the search" title="Close (Esc)" onClick={close}>
        <Icon name="close" />
      </button>
    </div>
  );
}
