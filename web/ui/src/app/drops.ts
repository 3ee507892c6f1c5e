// Files that are dropped on the page: the browser would show them in its place, and every terminal would be gone.

/** `refused`: what to say of files. Texts are dropped where they always could be. */
export function keepFilesOut(page: Document, refused: (files: number) => void): void {
  const over = (event: DragEvent): void => {
    if (!wouldOpen(event)) return;
    // Without this there is no drop event, and the browser opens the file.
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
  };
  page.addEventListener("dragenter", over);
  page.addEventListener("dragover", over);
  page.addEventListener("drop", (event) => {
    if (!wouldOpen(event)) return;
    event.preventDefault();
    if (hasFiles(event)) refused(event.dataTransfer?.files.length ?? 1);
  });
}

/** Whether the browser would leave the page for what is dropped: a file anywhere, a link outside of text fields. */
function wouldOpen(event: DragEvent): boolean {
  if (event.defaultPrevented) return false;
  return hasFiles(event) || (event.target instanceof Element && event.target.closest("input, textarea") === null && kinds(event).includes("text/uri-list"));
}

function hasFiles(event: DragEvent): boolean {
  return kinds(event).includes("Files");
}

function kinds(event: DragEvent): readonly string[] {
  return event.dataTransfer?.types ?? [];
}
