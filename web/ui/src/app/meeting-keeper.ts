// Who asks to become a machine of the mesh changes without any message: it is asked for while somebody looks at the page.

import { computed, signal } from "@preact/signals";
import type { Api, Meeting } from "../net/api";

const ASK_EVERY_MS = 4_000;

export type JoinRequest = Meeting["requests"][number];

export class MeetingKeeper {
  /** Null while nothing is known. */
  readonly meeting = signal<Meeting | null>(null);
  readonly requests = computed<readonly JoinRequest[]>(() => this.meeting.value?.requests ?? []);
  private readonly told = new Set<string>();

  /** `isWatched`: whether there is a node to ask, and somebody who would see the answer. */
  constructor(
    private readonly api: Pick<Api, "meeting">,
    private readonly isWatched: () => boolean,
    private readonly asks: (request: JoinRequest) => void,
  ) {}

  start(): void {
    setInterval(() => void this.ask(), ASK_EVERY_MS);
  }

  /** Asks now. */
  async ask(): Promise<void> {
    if (!this.isWatched()) return;
    try {
      this.meeting.value = await this.api.meeting();
    } catch {
      return;
    }
    const asking = new Set(this.requests.value.map(({ id }) => id));
    for (const id of this.told) if (!asking.has(id)) this.told.delete(id);
    for (const request of this.requests.value) {
      if (this.told.has(request.id)) continue;
      this.told.add(request.id);
      this.asks(request);
    }
  }
}
