// Decides when to tell the node how much output the emulator has processed.

/** One acknowledgement per this many bytes while output is streaming. */
export const ACK_EVERY_BYTES = 65_536;

/**
 * Bytes are `received` in order and later `processed` in the same order. An acknowledgement is due every
 * `ACK_EVERY_BYTES`, and whenever everything that was received is processed: so the node's window never stalls.
 */
export class AckLedger {
  private receivedOffset = 0;
  private sentOffset = 0;

  /** Counting starts (again) at `offset`: a stream was attached or a snapshot replaced what was there. */
  restart(offset: number): void {
    this.receivedOffset = offset;
    this.sentOffset = offset;
  }

  received(endOffset: number): void {
    this.receivedOffset = Math.max(this.receivedOffset, endOffset);
  }

  /** The offset to acknowledge now, or `null` if it can wait for more. */
  processed(offset: number): number | null {
    const due = offset - this.sentOffset >= ACK_EVERY_BYTES || offset === this.receivedOffset;
    if (!due || offset <= this.sentOffset) return null;
    this.sentOffset = offset;
    return offset;
  }
}
