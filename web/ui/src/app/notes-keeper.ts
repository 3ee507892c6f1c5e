// Saves notes as they are typed, tries again when it fails, and keeps unsaved text across reloads.

import { signal } from "@preact/signals";
import { NotesDraft } from "../model/notes-draft";
import { readStored, writeStored } from "../model/persisted";
import { ApiError, type Api, type Notes } from "../net/api";
import type { Agent } from "../protocol/types";

const SAVE_AFTER_MS = 500;
const RETRY_AFTER_MS = 5_000;

export class NotesKeeper {
  /** Counts changes, so that components read drafts again. */
  readonly version = signal(0);
  private readonly drafts = new Map<string, NotesDraft>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly api: Api) {}

  draft(agent: Agent): NotesDraft {
    let draft = this.drafts.get(agent.id);
    const current = { notes: agent.notes, revision: agent.notes_revision };
    if (draft === undefined) {
      draft = this.restore(agent.id, current);
      this.drafts.set(agent.id, draft);
    }
    draft.remote(current);
    return draft;
  }

  edit(agent: Agent, text: string): void {
    this.draft(agent).edit(text);
    this.changed(agent.id);
    this.saveLater(agent.id, SAVE_AFTER_MS);
  }

  decide(agent: Agent, choice: "keepMine" | "takeTheirs" | "keepBoth"): void {
    this.draft(agent)[choice]();
    this.changed(agent.id);
    this.saveLater(agent.id, 0);
  }

  /** The connection is back, or the field lost the focus: no reason to wait. */
  saveNow(): void {
    for (const [id, draft] of this.drafts) if (!draft.isSafe) void this.save(id);
  }

  /** The page goes away: the requests outlive it. */
  flush(): void {
    for (const [id, draft] of this.drafts) if (!draft.isSafe) void this.save(id, true);
  }

  private async save(id: string, outlivesPage = false): Promise<void> {
    clearTimeout(this.timers.get(id));
    const draft = this.drafts.get(id);
    const notes = draft?.beginSave();
    if (draft === undefined || notes == null) return;
    this.changed(id);
    try {
      draft.saved(await this.api.saveNotes(id, notes, outlivesPage));
      if (!draft.isSafe) this.saveLater(id, SAVE_AFTER_MS);
    } catch (error) {
      await this.failed(id, draft, error);
    }
    this.changed(id);
  }

  private async failed(id: string, draft: NotesDraft, error: unknown): Promise<void> {
    if (error instanceof ApiError && error.status === 409) {
      try {
        return draft.conflicted(await this.api.notes(id));
      } catch {
        // Falls through: the conflict is found again with the next attempt.
      }
    }
    draft.failed(error instanceof Error ? error.message : "Something went wrong.");
    const isFinal = error instanceof ApiError && error.status >= 400 && error.status < 500;
    if (!isFinal) this.saveLater(id, RETRY_AFTER_MS);
  }

  private saveLater(id: string, ms: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.set(id, setTimeout(() => void this.save(id), ms));
  }

  private changed(id: string): void {
    const draft = this.drafts.get(id);
    if (draft !== undefined) writeStored(storageKey(id), draft.isSafe ? null : draft.base);
    this.version.value += 1;
  }

  private restore(id: string, current: Notes): NotesDraft {
    const unsaved = readStored<Notes | null>(storageKey(id), null, isNotes);
    if (unsaved === null || unsaved.notes === current.notes) return new NotesDraft(current.notes, current.revision);
    const draft = new NotesDraft(unsaved.notes, unsaved.revision);
    draft.edit(unsaved.notes);
    this.saveLater(id, SAVE_AFTER_MS);
    return draft;
  }
}

function storageKey(id: string): string {
  return `unsaved-notes.${id}`;
}

function isNotes(value: unknown): value is Notes {
  const notes = value as Partial<Notes> | null;
  return typeof notes?.notes === "string" && typeof notes.revision === "number";
}
