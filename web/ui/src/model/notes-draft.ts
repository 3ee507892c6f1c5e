// The text of one agent's notes between the user's keyboard and the node: what is saved, what is not, who wins. Pure.

import type { Notes } from "../net/api";

/**
 * - `saved`: the node has this text.
 * - `dirty`: edited, to be saved soon.
 * - `saving`: on its way; may be edited meanwhile.
 * - `failed`: could not be saved; kept here and tried again.
 * - `conflict`: somebody else saved another text since; the user decides.
 */
export type NotesStatus = "saved" | "dirty" | "saving" | "failed" | "conflict";

export class NotesDraft {
  status: NotesStatus = "saved";
  problem = "";
  theirs: Notes | null = null;
  /** Something was written here and the node has it. */
  wasSaved = false;
  private onItsWay: Notes | null = null;

  constructor(
    public text: string,
    private revision: number,
  ) {}

  get isSafe(): boolean {
    return this.status === "saved";
  }

  get base(): Notes {
    return { notes: this.text, revision: this.revision };
  }

  edit(text: string): void {
    this.text = text;
    if (this.status === "saved" || this.status === "failed") this.status = "dirty";
  }

  /** The node says what it has now. Text that is being edited here is never overwritten. */
  remote(current: Notes): void {
    if (current.revision <= this.revision) return;
    if (this.status === "saved" || current.notes === this.text) this.adopt(current);
    else if (this.status === "conflict") this.theirs = current;
  }

  /** What to send now, or `null` if there is nothing to save or it is not this draft's turn. */
  beginSave(): Notes | null {
    if (this.status !== "dirty" && this.status !== "failed") return null;
    this.status = "saving";
    this.onItsWay = this.base;
    return this.onItsWay;
  }

  saved(revision: number): void {
    const sent = this.onItsWay;
    this.onItsWay = null;
    this.revision = Math.max(this.revision, revision);
    this.problem = "";
    this.wasSaved = true;
    this.status = sent === null || sent.notes === this.text ? "saved" : "dirty";
  }

  failed(problem: string): void {
    this.onItsWay = null;
    this.problem = problem;
    this.status = "failed";
  }

  conflicted(theirs: Notes): void {
    this.onItsWay = null;
    if (theirs.notes === this.text) return this.adopt(theirs);
    this.theirs = theirs;
    this.status = "conflict";
  }

  keepMine(): void {
    this.revision = this.theirs?.revision ?? this.revision;
    this.theirs = null;
    this.status = "dirty";
  }

  takeTheirs(): void {
    if (this.theirs !== null) this.adopt(this.theirs);
  }

  keepBoth(): void {
    if (this.theirs === null) return;
    this.text = `${this.text.trimEnd()}\n\n${this.theirs.notes}`;
    this.keepMine();
  }

  private adopt(current: Notes): void {
    this.text = current.notes;
    this.revision = current.revision;
    this.theirs = null;
    this.problem = "";
    this.wasSaved = false;
    this.status = "saved";
  }
}
