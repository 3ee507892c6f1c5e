// The other tabs of this browser: one of all is the speaker, and all know which agents somebody looks at in any of them.

import { randomId } from "../net/viewer-id";

const LOCK = "consort.speaker";
const CHANNEL = "consort.tabs";
/** Tabs repeat what they look at this often, and are forgotten if they have not for three times as long. */
const REPEAT_MS = 5_000;

interface TabMessage {
  readonly tab: string;
  /** The agents that can be seen in it; `null`: asks the others. */
  readonly looks: readonly string[] | null;
}

export class SiblingTabs {
  private readonly tab = randomId();
  private readonly channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;
  private readonly others = new Map<string, { readonly looks: readonly string[]; readonly at: number }>();
  private own: readonly string[] = [];
  private speaks = false;

  /** Begins to talk to the others. */
  start(): void {
    this.channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
      if (data.looks === null) this.publish();
      else this.others.set(data.tab, { looks: data.looks, at: Date.now() });
    });
    this.post(null);
    setInterval(() => this.own.length > 0 && this.publish(), REPEAT_MS);
    addEventListener("pagehide", () => this.look([]));
    // Held as long as this tab lives; without locks (plain HTTP from elsewhere) there are no notifications either.
    if (navigator.locks === undefined) this.speaks = true;
    else void navigator.locks.request(LOCK, () => new Promise<never>(() => void (this.speaks = true))).catch(() => undefined);
  }

  /** It is this tab's turn to notify the person. */
  get isSpeaker(): boolean {
    return this.speaks;
  }

  /** Somebody sees these agents in this tab now. */
  look(agents: readonly string[]): void {
    if (agents.length === this.own.length && agents.every((agent, at) => agent === this.own[at])) return;
    this.own = agents;
    this.publish();
  }

  /** Whether somebody sees this agent in any tab. */
  isSeen(agent: string): boolean {
    const oldest = Date.now() - 3 * REPEAT_MS;
    return this.own.includes(agent) || [...this.others.values()].some(({ looks, at }) => at >= oldest && looks.includes(agent));
  }

  private publish(): void {
    this.post(this.own);
  }

  private post(looks: readonly string[] | null): void {
    this.channel?.postMessage({ tab: this.tab, looks } satisfies TabMessage);
  }
}
