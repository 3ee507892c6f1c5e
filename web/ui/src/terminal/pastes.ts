// Texts that reach a terminal as a whole (clipboard, middle click, drop, an on-screen keyboard's clipboard) are pastes. The
// emulator sees none of them: it would type them.

/** Events that insert text which nobody typed. */
const INSERTIONS = new Set(["insertFromPaste", "insertFromPasteAsQuotation", "insertFromDrop", "insertFromYank"]);

/** Takes every paste in `host` before its emulator does. */
export function interceptPastes(host: HTMLElement, pasted: (text: string) => void): void {
  const take = (event: Event, text: string): void => {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (text !== "") pasted(text);
  };
  // The context menu, middle click and every keyboard come as this event.
  host.addEventListener("paste", (event) => take(event, event.clipboardData?.getData("text/plain") ?? ""), true);
  host.addEventListener(
    "beforeinput",
    (event) => {
      const text = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
      if (INSERTIONS.has(event.inputType) || (event.inputType === "insertText" && isFromClipboard(text))) take(event, text);
    },
    true,
  );
  host.addEventListener("dragover", (event) => {
    if (!offersText(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer!.dropEffect = "copy";
  });
  host.addEventListener(
    "drop",
    (event) => {
      if (offersText(event.dataTransfer)) take(event, event.dataTransfer!.getData("text/plain"));
    },
    true,
  );
}

/** No key types several lines or control characters at once; keyboards with a clipboard do. */
function isFromClipboard(text: string): boolean {
  return text.length > 1 && /[\x00-\x1f\x7f-\x9f]/.test(text);
}

function offersText(data: DataTransfer | null): boolean {
  return data !== null && data.types.includes("text/plain") && !data.types.includes("Files");
}
