// Shows notifications of the browser: by the page itself, or, where that is not allowed (browsers of phones), by a service worker.

const WORKER = "notifications.js";

export interface NotifierText {
  readonly title: string;
  readonly body: string;
}

/** One that is shown. */
interface Shown {
  close(): void;
  /** Of the service worker: by this it is found again. */
  readonly tag: string | null;
}

export class Notifier {
  private readonly shown = new Map<string, Shown>();
  private worker: Promise<ServiceWorkerRegistration> | null = null;

  /** `open` is called with the agent of a notification that is clicked. */
  constructor(private readonly open: (agent: string) => void) {}

  /** Begins to take clicks, also on what was shown before this page was loaded. */
  start(): void {
    navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<{ open?: unknown } | null>) => {
      if (typeof data?.open === "string") this.open(data.open);
    });
    addEventListener("pagehide", () => this.closeAll());
  }

  /** Shows one about an agent, in place of the one before. False: this browser shows none. */
  async show(key: string, agent: string, { title, body }: NotifierText): Promise<boolean> {
    const tag = `consort ${agent}`;
    const options = { body, tag, icon: "icon.svg", silent: true };
    try {
      const notification = new Notification(title, options);
      notification.addEventListener("click", () => {
        window.focus();
        this.open(agent);
        this.close(key);
      });
      this.shown.set(key, { tag: null, close: () => notification.close() });
      return true;
    } catch {
      return this.showByWorker(key, title, { ...options, data: { agent, key } });
    }
  }

  close(key: string): void {
    this.shown.get(key)?.close();
    this.shown.delete(key);
  }

  private async showByWorker(key: string, title: string, options: NotificationOptions & { tag: string }): Promise<boolean> {
    if (navigator.serviceWorker === undefined) return false;
    const { tag } = options;
    let over = false;
    const shown: Shown = { tag, close: () => (over = true) };
    this.shown.set(key, shown);
    try {
      const registration = await (this.worker ??= this.register());
      // What is over before it is shown is not shown.
      if (over) return true;
      await registration.showNotification(title, options);
      const close = async (): Promise<void> => {
        const all = await registration.getNotifications({ tag });
        // The next one of the same agent stays.
        for (const notification of all) if ((notification.data as { key?: string } | null)?.key === key) notification.close();
      };
      if (over) await close();
      else if (this.shown.get(key) === shown) this.shown.set(key, { tag, close: () => void close() });
      return true;
    } catch {
      this.worker = null;
      this.shown.delete(key);
      return false;
    }
  }

  /** Beside the page, whatever path a proxy serves it below. Its file is asked for each time, as the page is. */
  private async register(): Promise<ServiceWorkerRegistration> {
    await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
    return navigator.serviceWorker.ready;
  }

  /** The page goes: nothing can be waited for. */
  private closeAll(): void {
    const tags = [...this.shown.values()].flatMap(({ tag }) => tag ?? []);
    if (tags.length > 0) void this.worker?.then(({ active }) => active?.postMessage({ close: tags }));
    for (const key of [...this.shown.keys()]) this.close(key);
  }
}
