// The identity of this tab: the node de-duplicates numbered input by it, so no two live tabs may share one.

const KEY = "consort.viewer";
const ID_BYTES = 16;

/**
 * Takes the id out of `sessionStorage` and puts it back when the page goes away. A reload finds it there; a duplicated
 * tab copies the storage of a living page, where it is absent, and makes its own.
 */
export function claimViewerId(storage: Storage, page: Pick<Window, "addEventListener">): string {
  const id = storage.getItem(KEY) ?? randomId();
  storage.removeItem(KEY);
  page.addEventListener("pagehide", () => storage.setItem(KEY, id));
  page.addEventListener("pageshow", () => storage.removeItem(KEY));
  return id;
}

/** 22 characters that nobody else has. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
