// Chooses a directory of a machine: type with completion, or walk through the list.

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { matchingEntries, readDirectoryInput } from "../model/directory-input";
import { shortPath } from "../model/format";
import type { DirectoryEntry, DirectoryListing } from "../net/api";
import { useApp } from "./context";
import { Icon } from "./icons";

interface Props {
  /** The id of the machine; empty: this one. */
  readonly node: string;
  readonly value: string;
  readonly problem: string;
  set(path: string): void;
}

const ASK_AFTER_MS = 120;

export function DirectoryPicker({ node, value, problem, set }: Props): JSX.Element {
  const { parent, prefix } = readDirectoryInput(value);
  const { listing, failure } = useListing(node, parent);
  const home = listing?.home ?? "";
  const chosen = useSignal(-1);
  const entries = listing === null ? [] : matchingEntries(listing.entries, prefix);
  const list = useRef<HTMLUListElement>(null);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosen.value]);

  const enter = (path: string): void => {
    set(path === "/" ? "/" : `${shortPath(path, home)}/`);
    chosen.value = -1;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const completes = event.key === "Tab" && !event.shiftKey && prefix !== "" && entries.length > 0;
    if (event.key === "ArrowDown") chosen.value = Math.min(chosen.value + 1, entries.length - 1);
    else if (event.key === "ArrowUp") chosen.value = Math.max(chosen.value - 1, -1);
    else if (completes) enter(entries[Math.max(0, chosen.value)]!.path);
    else if (event.key === "Enter" && chosen.value >= 0 && entries[chosen.value] !== undefined) enter(entries[chosen.value]!.path);
    else return;
    event.preventDefault();
  };
  return (
    <div class="directory">
      <input
        id="create-directory"
        data-testid="create-directory"
        class="mono"
        role="combobox"
        aria-expanded="true"
        aria-controls="directory-list"
        aria-activedescendant={chosen.value >= 0 ? `directory-${chosen.value}` : undefined}
        aria-invalid={problem !== ""}
        placeholder="~"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        onInput={(event) => {
          set(event.currentTarget.value);
          chosen.value = -1;
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id="directory-list" class="directory-list" role="listbox" aria-label="Directories" data-testid="directory-list">
        {listing?.parent != null && prefix === "" && (
          <li role="option" aria-selected={false} class="directory-up" onClick={() => enter(listing.parent!)}>
            <Icon name="up" /> <span>..</span> <span class="dim">{shortPath(listing.parent, home)}</span>
          </li>
        )}
        {entries.map((entry, index) => (
          <Entry key={entry.path} entry={entry} index={index} chosen={index === chosen.value} choose={() => enter(entry.path)} />
        ))}
        {listing !== null && entries.length === 0 && (
          <li class="directory-none">{prefix === "" ? "No directories here." : `Nothing here starts with “${prefix}”.`}</li>
        )}
        {failure !== "" && problem === "" && <li class="directory-none">{failure}</li>}
      </ul>
    </div>
  );
}

function Entry({ entry, index, chosen, choose }: { entry: DirectoryEntry; index: number; chosen: boolean; choose: () => void }): JSX.Element {
  return (
    <li id={`directory-${index}`} role="option" aria-selected={chosen} onClick={choose}>
      <Icon name={entry.git ? "branch" : "folder"} />
      <span>{entry.name}</span>
      {entry.git && <span class="git">git</span>}
    </li>
  );
}

interface Listed {
  readonly node: string;
  readonly listing: DirectoryListing | null;
  readonly failure: string;
}

/** What is in `path`. The last list of the same machine stays until the next one is there. */
function useListing(node: string, path: string): Listed {
  const { api } = useApp();
  const nothing: Listed = { node, listing: null, failure: "" };
  const state = useSignal(nothing);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api.directories(node, path, abort.signal).then(
        (listing) => (state.value = { node, listing, failure: "" }),
        (error: Error) => {
          if (!abort.signal.aborted) state.value = { node, listing: null, failure: error.message };
        },
      );
    }, ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [node, path]);
  return state.value.node === node ? state.value : nothing;
}
