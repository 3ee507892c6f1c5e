// Delivers pastes one at a time through the owner's paste command: each once, whatever becomes of the requests on the way.

import { randomId } from "../net/viewer-id";

/** What became of a request to paste. `unreachable`: it may have been carried out or not. */
export type PasteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "unreachable" };

/** Where pastes go. The node carries out each `key` once, as long as it is the same `instance`. */
export interface PasteWire {
  readonly instance: string;
  paste(text: string, key: string, signal: AbortSignal): Promise<PasteOutcome>;
}

/** Requests can fail although the connection is fine: it is tried again so often, after so long. */
const TRIES = 5;
const RETRY_MS = 400;

interface Current {
  readonly text: string;
  readonly key: string;
  readonly instance: string;
  tries: number;
  request: AbortController | null;
}

export class PasteDelivery {
  private current: Current | null = null;
  private wire: PasteWire | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** `finished` gets the reason why the text may be missing, or `null` if it was written. */
  constructor(private readonly finished: (failure: string | null) => void) {}

  /** Begins with a text; nothing else may be under way. */
  begin(text: string): void {
    if (this.wire === null) return;
    this.current = { text, key: randomId(), instance: this.wire.instance, tries: 0, request: null };
    this.send(this.wire, this.current);
  }

  /** What was typed before has its answers, and requests reach the node: goes on with what is under way. */
  connected(wire: PasteWire): void {
    this.wire = wire;
    if (this.current === null || this.current.request !== null) return;
    if (wire.instance !== this.current.instance) this.finish("The node was restarted before it confirmed this.");
    else this.send(wire, this.current);
  }

  disconnected(): void {
    this.wire = null;
    clearTimeout(this.retryTimer);
    // A dead connection would keep it waiting; the next one asks again.
    this.current?.request?.abort();
  }

  /** Forgets what is under way. */
  abandon(): void {
    clearTimeout(this.retryTimer);
    this.current?.request?.abort();
    this.current = null;
  }

  private send(wire: PasteWire, current: Current): void {
    const request = new AbortController();
    current.request = request;
    current.tries += 1;
    void wire.paste(current.text, current.key, request.signal).then((outcome) => {
      if (this.current !== current || current.request !== request) return;
      current.request = null;
      if (outcome.kind === "written") this.finish(null);
      else if (outcome.kind === "refused") this.finish(outcome.message);
      else if (this.wire !== null && this.wire !== wire) this.connected(this.wire);
      else if (this.wire !== null) this.retry(current);
    });
  }

  private retry(current: Current): void {
    if (current.tries >= TRIES) return this.finish("The node did not answer.");
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      if (this.wire !== null && this.current === current && current.request === null) this.connected(this.wire);
    }, RETRY_MS);
  }

  private finish(failure: string | null): void {
    this.current = null;
    this.finished(failure);
  }
}
