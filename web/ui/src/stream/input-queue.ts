// Numbers what the user types into one terminal, so that each byte is written exactly once or the user is told.

/** A piece of input that has its number and waits for the owner to say that it is written. */
export interface InputChunk {
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** How many user actions (keystrokes, pastes) the chunk ends. */
  readonly actions: number;
}

/** What may not have arrived: shown to the user, who alone can decide to type it again. */
export interface InputLoss {
  readonly actions: number;
  readonly text: string;
}

export interface InputQueueLimits {
  readonly chunkBytes: number;
  readonly windowBytes: number;
  /** More than this is refused at once: nobody types that much, and it would only be lost later. */
  readonly queueBytes: number;
}

export const DEFAULT_INPUT_LIMITS: InputQueueLimits = {
  chunkBytes: 16_384,
  windowBytes: 65_536,
  queueBytes: 4 * 1024 * 1024,
};

interface Waiting {
  bytes: Uint8Array;
  actions: number;
  /** It goes another way than keys: alone, when everything before it is written, and before anything after it is sent. */
  paste?: true;
}

/**
 * The input of one viewer to one terminal. It outlives connections: numbers continue across them.
 *
 * `push` takes input at any time. `takeSendable` hands out what may go on the wire now. `resumed` is called when the
 * terminal is attached (again) and decides what is repeated; `acknowledged` and `lost` report the owner's answers.
 * A paste keeps its place among the keys: `takePaste` hands it out when its turn has come, `pasted` and `pasteLost` end it.
 */
export class InputQueue {
  private nextSeq = 1;
  private inFlight: InputChunk[] = [];
  private waiting: Waiting[] = [];
  private inFlightBytes = 0;
  private waitingBytes = 0;
  private pasting: Waiting | null = null;

  constructor(private readonly limits: InputQueueLimits = DEFAULT_INPUT_LIMITS) {}

  /** Bytes that are not known to be written. */
  get pendingBytes(): number {
    return this.inFlightBytes + this.waitingBytes;
  }

  /** False if the queue is full; then nothing of `bytes` is taken. */
  push(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.pendingBytes + bytes.length > this.limits.queueBytes) return false;
    this.waitingBytes += bytes.length;
    const last = this.waiting.at(-1);
    if (last !== undefined && last.paste === undefined && last.bytes.length + bytes.length <= this.limits.chunkBytes) {
      last.bytes = concat(last.bytes, bytes);
      last.actions += 1;
      return true;
    }
    for (let start = 0; start < bytes.length; start += this.limits.chunkBytes) {
      const end = Math.min(start + this.limits.chunkBytes, bytes.length);
      this.waiting.push({ bytes: bytes.subarray(start, end), actions: end === bytes.length ? 1 : 0 });
    }
    return true;
  }

  /** Takes a paste, as `push` does keys. */
  pushPaste(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (this.pendingBytes + bytes.length > this.limits.queueBytes) return false;
    this.waitingBytes += bytes.length;
    this.waiting.push({ bytes, actions: 1, paste: true });
    return true;
  }

  /** The paste whose turn it is now, once. */
  takePaste(): Uint8Array | null {
    const first = this.waiting[0];
    if (first?.paste === undefined || this.pasting !== null || this.inFlight.length > 0) return null;
    this.pasting = first;
    return first.bytes;
  }

  /** The paste that was taken is written. */
  pasted(): void {
    if (this.pasting === null) return;
    this.waitingBytes -= this.pasting.bytes.length;
    this.pasting = null;
    this.waiting.shift();
  }

  /** The paste that was taken may not be written. What waits behind it is dropped too: an Enter, perhaps. */
  pasteLost(): InputLoss | null {
    this.pasting = null;
    return this.dropWaiting();
  }

  /** The chunks that fit in the window now. They get their numbers here and count as sent. */
  takeSendable(): InputChunk[] {
    const chunks: InputChunk[] = [];
    for (;;) {
      const first = this.waiting[0];
      if (first === undefined || first.paste !== undefined || this.inFlightBytes + first.bytes.length > this.limits.windowBytes) return chunks;
      this.waiting.shift();
      this.waitingBytes -= first.bytes.length;
      const chunk = { seq: this.nextSeq++, bytes: first.bytes, actions: first.actions };
      this.inFlight.push(chunk);
      this.inFlightBytes += chunk.bytes.length;
      chunks.push(chunk);
    }
  }

  /**
   * The terminal is attached; `writtenSeq` is the last input of this viewer that its owner wrote.
   * Returns what has to be repeated, with its old numbers, before anything new, and what may be lost: if the owner
   * has no memory of this viewer, repeating could write it twice.
   */
  resumed(writtenSeq: number, known: boolean): { repeat: InputChunk[]; loss: InputLoss | null } {
    if (known) this.acknowledged(writtenSeq);
    const first = this.inFlight[0];
    if (known && (first === undefined || first.seq === writtenSeq + 1)) {
      this.nextSeq = (this.inFlight.at(-1)?.seq ?? writtenSeq) + 1;
      return { repeat: [...this.inFlight], loss: null };
    }
    const loss = this.dropInFlight(0);
    this.nextSeq = writtenSeq + 1;
    return { repeat: [], loss };
  }

  /** Everything up to and including `seq` is written. Numbers that were never sent are ignored. */
  acknowledged(seq: number): void {
    while (this.inFlight[0] !== undefined && this.inFlight[0].seq <= seq) {
      this.inFlightBytes -= this.inFlight.shift()!.bytes.length;
    }
  }

  /**
   * The owner did not write `seq` and what followed. What waits behind it is dropped too: half a command line is
   * worse than none. The next input takes number `seq`, because the owner's count stands before it.
   */
  lost(seq: number): InputLoss | null {
    this.acknowledged(seq - 1);
    const dropped = this.dropInFlight(seq);
    const rest = this.dropWaiting();
    this.nextSeq = seq;
    return mergeLoss(dropped, rest);
  }

  /** The terminal is gone: nothing that is pending can arrive any more. */
  abandon(): InputLoss | null {
    this.pasting = null;
    return mergeLoss(this.dropInFlight(0), this.dropWaiting());
  }

  private dropInFlight(fromSeq: number): InputLoss | null {
    const dropped = this.inFlight.filter((chunk) => chunk.seq >= fromSeq);
    this.inFlight = this.inFlight.filter((chunk) => chunk.seq < fromSeq);
    this.inFlightBytes = totalBytes(this.inFlight);
    return describeLoss(dropped);
  }

  private dropWaiting(): InputLoss | null {
    // What becomes of a paste that was taken will be known; it stays.
    const kept = this.pasting === null ? [] : [this.pasting];
    const dropped = this.waiting.slice(kept.length);
    this.waiting = kept;
    this.waitingBytes = totalBytes(kept);
    return describeLoss(dropped);
  }
}

function describeLoss(chunks: readonly Waiting[]): InputLoss | null {
  if (chunks.length === 0) return null;
  const actions = chunks.reduce((sum, chunk) => sum + chunk.actions, 0);
  const text = new TextDecoder().decode(concat(...chunks.map((chunk) => chunk.bytes)));
  return { actions: Math.max(actions, 1), text };
}

function mergeLoss(first: InputLoss | null, second: InputLoss | null): InputLoss | null {
  if (first === null || second === null) return first ?? second;
  return { actions: first.actions + second.actions, text: first.text + second.text };
}

function totalBytes(chunks: readonly Waiting[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
