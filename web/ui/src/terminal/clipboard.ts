// Lets programs write to the clipboard (OSC 52) and never read it.

import type { IDisposable, Terminal } from "@xterm/xterm";

const LARGEST_BYTES = 1024 * 1024;

/** `write` is only called with text that a program wants to put on the clipboard. A question is swallowed. */
export function handleClipboardWrites(
  { parser }: Pick<Terminal, "parser">,
  write: (text: string) => void,
): IDisposable {
  return parser.registerOscHandler(52, (data) => {
    const text = decodeClipboardWrite(data);
    if (text !== null) write(text);
    return true;
  });
}

/** The text of `Pc;Pd`; `null` for a question, an empty text and anything that is not base64 of UTF-8. */
export function decodeClipboardWrite(data: string): string | null {
  const separator = data.indexOf(";");
  if (separator === -1) return null;
  const encoded = data.slice(separator + 1);
  if (encoded === "" || encoded === "?" || encoded.length > (LARGEST_BYTES * 4) / 3) return null;
  try {
    const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
