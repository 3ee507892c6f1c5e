// Everything that the page asks for is beside it, whatever path a proxy has put before it.

import { describe, expect, it } from "vitest";
import { pageFolder, socketAddress } from "../src/net/page-address";

describe("the page's own address", () => {
  it.each([
    ["http://localhost:23000/#/agent/x", "http://localhost:23000/", "ws://localhost:23000/ws"],
    ["https://box.example.org/consort/#/", "https://box.example.org/consort/", "wss://box.example.org/consort/ws"],
    ["https://b.org:8443/a/b/index.html?x=1#token=t", "https://b.org:8443/a/b/", "wss://b.org:8443/a/b/ws"],
    ["http://[fd00::7]:23000/", "http://[fd00::7]:23000/", "ws://[fd00::7]:23000/ws"],
  ])("%s", (href, folder, socket) => {
    expect(pageFolder(href)).toBe(folder);
    expect(socketAddress(href)).toBe(socket);
  });
});
