// The service worker of the dashboard: it shows notifications where a page may show none by itself (browsers of phones), and opens the
// agent of one that is clicked. It answers no request and keeps nothing: every file comes from the node.

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("message", ({ data }) => {
  // From a page that is about to go: it could not wait for the end itself.
  if (Array.isArray(data?.close)) for (const tag of data.close) void close(tag);
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const agent = event.notification.data?.agent;
  if (typeof agent === "string") event.waitUntil(open(agent));
});

async function close(tag) {
  for (const notification of await self.registration.getNotifications({ tag })) notification.close();
}

/** In a page of the dashboard that is open already, else in a new one. */
async function open(agent) {
  const { scope } = self.registration;
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const pages = all.filter(({ url }) => url.startsWith(scope));
  const page = pages.find(({ visibilityState }) => visibilityState === "visible") ?? pages[0];
  if (page === undefined) return self.clients.openWindow(`${scope}#/agent/${encodeURIComponent(agent)}`);
  page.postMessage({ open: agent });
  return page.focus().catch(() => undefined);
}
