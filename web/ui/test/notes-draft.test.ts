// Notes are never lost: not by a failure, not by somebody else's change, not by typing while a save is on its way.

import { describe, expect, it } from "vitest";
import { NotesDraft } from "../src/model/notes-draft";

describe("saving", () => {
  it("sends the text with the revision it is based on", () => {
    const draft = new NotesDraft("a", 4);
    expect(draft.beginSave()).toBeNull();
    draft.edit("ab");
    expect(draft.beginSave()).toEqual({ notes: "ab", revision: 4 });
    expect(draft.beginSave()).toBeNull();
    draft.saved(5);
    expect(draft.status).toBe("saved");
    draft.edit("abc");
    expect(draft.beginSave()).toEqual({ notes: "abc", revision: 5 });
  });

  it("goes on with what was typed while a save was on its way", () => {
    const draft = new NotesDraft("", 1);
    draft.edit("a");
    draft.beginSave();
    draft.edit("ab");
    draft.saved(2);
    expect(draft.status).toBe("dirty");
    expect(draft.beginSave()).toEqual({ notes: "ab", revision: 2 });
  });

  it("keeps the text when it fails, and tries it again", () => {
    const draft = new NotesDraft("", 1);
    draft.edit("a");
    draft.beginSave();
    draft.failed("offline");
    expect(draft).toMatchObject({ status: "failed", text: "a", problem: "offline" });
    expect(draft.beginSave()).toEqual({ notes: "a", revision: 1 });
  });
});

describe("changes by others", () => {
  it("show at once when nothing is being edited", () => {
    const draft = new NotesDraft("a", 1);
    draft.remote({ notes: "theirs", revision: 2 });
    expect(draft.text).toBe("theirs");
  });

  it("never overwrite what is being edited", () => {
    const draft = new NotesDraft("a", 1);
    draft.edit("mine");
    draft.remote({ notes: "theirs", revision: 2 });
    expect(draft.text).toBe("mine");
    expect(draft.beginSave()).toEqual({ notes: "mine", revision: 1 });
  });

  it("that are older than what is here are ignored", () => {
    const draft = new NotesDraft("new", 5);
    draft.remote({ notes: "old", revision: 4 });
    expect(draft.text).toBe("new");
  });

  it("that say the same are no conflict", () => {
    const draft = new NotesDraft("", 1);
    draft.edit("same");
    draft.beginSave();
    draft.conflicted({ notes: "same", revision: 2 });
    expect(draft.status).toBe("saved");
  });
});

describe("saved", () => {
  it("is said only of what was saved here", () => {
    const draft = new NotesDraft("", 1);
    expect(draft.wasSaved).toBe(false);
    draft.edit("mine");
    draft.beginSave();
    draft.saved(2);
    expect(draft.wasSaved).toBe(true);
    draft.remote({ notes: "theirs", revision: 3 });
    expect(draft.wasSaved).toBe(false);
  });
});

describe("a conflict", () => {
  function conflict(): NotesDraft {
    const draft = new NotesDraft("", 1);
    draft.edit("mine");
    draft.beginSave();
    draft.conflicted({ notes: "theirs", revision: 7 });
    return draft;
  }

  it("keeps both texts and saves nothing by itself", () => {
    const draft = conflict();
    expect(draft).toMatchObject({ status: "conflict", text: "mine", theirs: { notes: "theirs" } });
    draft.edit("mine!");
    expect(draft.status).toBe("conflict");
    expect(draft.beginSave()).toBeNull();
  });

  it("ends with my text, theirs or both, as the user says", () => {
    const mine = conflict();
    mine.keepMine();
    expect(mine.beginSave()).toEqual({ notes: "mine", revision: 7 });
    const theirs = conflict();
    theirs.takeTheirs();
    expect(theirs).toMatchObject({ status: "saved", text: "theirs" });
    const both = conflict();
    both.keepBoth();
    expect(both.beginSave()).toEqual({ notes: "mine\n\ntheirs", revision: 7 });
  });
});
