// Binary frames of the browser protocol: terminal bytes behind a fixed little-endian header.

const KIND_DATA = 1;
const KIND_SNAPSHOT = 2;
const KIND_INPUT = 3;
const KIND_ACK = 4;

const DATA_HEADER_BYTES = 1 + 4 + 8;
const SNAPSHOT_HEADER_BYTES = 1 + 4 + 8 + 8 + 2 + 2;
const INPUT_HEADER_BYTES = 1 + 4 + 8 + 4;
const ACK_BYTES = 1 + 4 + 8;
const TWO_POW_32 = 0x1_0000_0000;

export interface DataFrame {
  readonly kind: "data";
  readonly s: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface SnapshotFrame {
  readonly kind: "snapshot";
  readonly s: number;
  readonly offset: number;
  readonly generation: string;
  readonly cols: number;
  readonly rows: number;
  readonly bytes: Uint8Array;
}

export type ServerFrame = DataFrame | SnapshotFrame;

/** Reads a frame from the node; `null` for anything that is not one (unknown kind, too short). */
export function decodeFrame(buffer: ArrayBuffer): ServerFrame | null {
  if (buffer.byteLength < 1) return null;
  const view = new DataView(buffer);
  switch (view.getUint8(0)) {
    case KIND_DATA:
      if (buffer.byteLength < DATA_HEADER_BYTES) return null;
      return {
        kind: "data",
        s: view.getUint32(1, true),
        offset: readU64(view, 5),
        bytes: new Uint8Array(buffer, DATA_HEADER_BYTES),
      };
    case KIND_SNAPSHOT:
      if (buffer.byteLength < SNAPSHOT_HEADER_BYTES) return null;
      return {
        kind: "snapshot",
        s: view.getUint32(1, true),
        offset: readU64(view, 5),
        generation: view.getBigUint64(13, true).toString(16).padStart(16, "0"),
        cols: view.getUint16(21, true),
        rows: view.getUint16(23, true),
        bytes: new Uint8Array(buffer, SNAPSHOT_HEADER_BYTES),
      };
    default:
      return null;
  }
}

/** `heard`: how many `attached` and `input-lost` of the stream were known when this was typed. */
export function encodeInput(s: number, heard: number, seq: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(INPUT_HEADER_BYTES + bytes.length);
  writeHeader(frame, KIND_INPUT, s, seq);
  new DataView(frame.buffer).setUint32(13, heard, true);
  frame.set(bytes, INPUT_HEADER_BYTES);
  return frame;
}

export function encodeAck(s: number, offset: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(ACK_BYTES);
  writeHeader(frame, KIND_ACK, s, offset);
  return frame;
}

function writeHeader(frame: Uint8Array<ArrayBuffer>, kind: number, s: number, value: number): void {
  const view = new DataView(frame.buffer);
  view.setUint8(0, kind);
  view.setUint32(1, s, true);
  view.setUint32(5, value % TWO_POW_32, true);
  view.setUint32(9, Math.floor(value / TWO_POW_32), true);
}

/** Offsets stay far below 2^53 (that is 285 years at 1 MB/s), so a number holds them exactly. */
function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_POW_32;
}
