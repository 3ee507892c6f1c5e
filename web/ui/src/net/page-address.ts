// Where this page is: everything that it asks for is beside it, also below a path that a proxy has put before it.

/** The folder of a page: its address without file, query and hash. */
export function pageFolder(href: string): string {
  return new URL(".", href).href;
}

/** The WebSocket beside a page. */
export function socketAddress(href: string): string {
  return new URL("ws", href).href.replace(/^http/, "ws");
}
