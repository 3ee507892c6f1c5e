// Short messages to the user that are not tied to a place on the page.

import { signal } from "@preact/signals";

export interface NoticeAction {
  readonly label: string;
  run(): void;
}

export interface Notice {
  readonly id: number;
  readonly kind: "info" | "warning" | "error";
  readonly text: string;
  readonly hint: string;
  readonly action: NoticeAction | null;
}

const SHOWN_MS = 6_000;
const MOST = 4;

export class Notices {
  readonly list = signal<readonly Notice[]>([]);
  private nextId = 1;

  /** Information goes away by itself; what went wrong stays until it is dismissed. */
  show(kind: Notice["kind"], text: string, extra: { hint?: string; action?: NoticeAction } = {}): void {
    const same = this.list.value.filter((notice) => notice.text !== text);
    const notice = { id: this.nextId++, kind, text, hint: extra.hint ?? "", action: extra.action ?? null };
    this.list.value = [...same, notice].slice(-MOST);
    if (kind === "info") setTimeout(() => this.dismiss(notice.id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.list.value = this.list.value.filter((notice) => notice.id !== id);
  }
}
