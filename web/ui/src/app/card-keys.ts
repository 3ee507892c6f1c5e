// The keyboard on the start page: which card of a question it is on, and what a digit answers there.

import { signal } from "@preact/signals";
import { neighbour, nextToAnswer, UNREAD_MS } from "../model/pick-keys";
import type { App } from "./app";

/** What a card answers to a digit. */
interface Offer {
  readonly since: number;
  readonly pick: (digit: string) => boolean;
}

export class CardKeys {
  /** The agent whose card digits are for. */
  readonly current = signal<string | null>(null);
  private order: readonly string[] = [];
  private canAnswer: (id: string) => boolean = () => false;
  private readonly offers_ = new Map<string, Offer>();
  /** Since when the current card is that, if nobody chose it. */
  private movedAt = 0;

  constructor(private readonly app: App, private readonly now: () => number = () => performance.now()) {}

  /** Takes keys of the page until the returned function is called. */
  listen(): () => void {
    const key = (event: KeyboardEvent): boolean => this.key(event);
    this.app.cardKey = key;
    return () => {
      if (this.app.cardKey === key) this.app.cardKey = null;
    };
  }

  /** These cards are on the page, in this order. */
  shown(order: readonly string[], canAnswer: (id: string) => boolean): void {
    [this.order, this.canAnswer] = [order, canAnswer];
    const current = this.current.peek();
    if (current !== null && order.includes(current) && canAnswer(current)) return;
    const next = current === null ? (order.find(canAnswer) ?? null) : nextToAnswer(order, canAnswer, current);
    if (next === current) return;
    this.current.value = next;
    this.movedAt = this.now();
  }

  /** The user went to a card. */
  choose(id: string): void {
    if (this.current.peek() === id) return;
    this.current.value = id;
    this.movedAt = 0;
  }

  /** The user has answered here: goes on to the next card that waits, which was there to be read. */
  answered(id: string): void {
    const next = nextToAnswer(this.order, (each) => each !== id && this.canAnswer(each), id);
    if (next === null) return;
    const focused = document.activeElement?.closest("article")?.dataset["agentId"] === id;
    this.choose(next);
    if (focused) this.reveal(next);
  }

  /** A card offers answers to a question until the returned function is called. */
  offers(id: string, pick: (digit: string) => boolean): () => void {
    const offer: Offer = { since: this.now(), pick };
    this.offers_.set(id, offer);
    return () => {
      if (this.offers_.get(id) === offer) this.offers_.delete(id);
    };
  }

  private key(event: KeyboardEvent): boolean {
    if (this.order.length === 0) return false;
    const { key } = event;
    const current = this.current.peek();
    if (key === "j" || key === "k") return this.move(key === "j" ? 1 : -1);
    if (current === null) return false;
    if (key === "Enter" && (event.target === document.body || (event.target as Element).matches("article"))) {
      this.app.open(current);
      return true;
    }
    if (!/^[1-9]$/.test(key)) return false;
    const offer = this.offers_.get(current);
    if (offer === undefined || event.repeat || !this.canAnswer(current)) return false;
    // Another question, or another card, has just taken the place of the one that was read.
    const now = this.now();
    if (now - offer.since < UNREAD_MS || now - this.movedAt < UNREAD_MS) return true;
    return offer.pick(key);
  }

  private move(step: 1 | -1): boolean {
    const before = this.current.peek();
    const next = neighbour(this.order, before, step);
    if (next === null) return false;
    this.choose(next);
    this.reveal(next);
    return true;
  }

  private reveal(id: string): void {
    const card = document.querySelector<HTMLElement>(`article[data-agent-id="${CSS.escape(id)}"]`);
    card?.focus({ preventScroll: true });
    card?.scrollIntoView({ block: "nearest", behavior: "instant" });
  }
}
