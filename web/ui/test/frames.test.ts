// The binary frames, byte by byte as the protocol describes them.

import { describe, expect, it } from "vitest";
import { decodeMessage } from "../src/protocol/control";
import { decodeFrame, encodeAck, encodeInput } from "../src/protocol/frames";

const frame = (...parts: number[][]): ArrayBuffer => Uint8Array.from(parts.flat()).buffer;
const u32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
const u64 = (value: bigint): number[] => Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n));

describe("frames from the node", () => {
  it("reads data at an offset beyond 32 bits", () => {
    const decoded = decodeFrame(frame([1], u32(7), u64(0x1_0000_0005n), [104, 105]));
    expect(decoded).toMatchObject({ kind: "data", s: 7, offset: 4_294_967_301 });
    expect([...decoded!.bytes]).toEqual([104, 105]);
  });

  it("reads a snapshot with its size, and the generation as 16 hex digits", () => {
    const decoded = decodeFrame(frame([2], u32(1), u64(9n), u64(0x00ab_cdefn), [120, 0], [40, 1], [33]));
    expect(decoded).toMatchObject({ kind: "snapshot", offset: 9, generation: "0000000000abcdef", cols: 120, rows: 296 });
    expect([...decoded!.bytes]).toEqual([33]);
  });

  it("reads empty data and empty snapshots", () => {
    expect(decodeFrame(frame([1], u32(1), u64(0n)))?.bytes.length).toBe(0);
    expect(decodeFrame(frame([2], u32(1), u64(0n), u64(0n), [80, 0], [24, 0]))?.bytes.length).toBe(0);
  });

  it("takes nothing that is cut off, empty or of an unknown kind", () => {
    expect(decodeFrame(frame())).toBeNull();
    expect(decodeFrame(frame([1], u32(1)))).toBeNull();
    expect(decodeFrame(frame([2], u32(1), u64(0n)))).toBeNull();
    expect(decodeFrame(frame([9], u32(1), u64(0n)))).toBeNull();
  });
});

describe("frames to the node", () => {
  it("writes input with its number", () => {
    expect([...encodeInput(7, 2, 0x2_0000_0001, Uint8Array.of(65))])
      .toEqual([3, ...u32(7), ...u64(0x2_0000_0001n), ...u32(2), 65]);
  });

  it("writes an acknowledgement of an absolute offset", () => {
    expect([...encodeAck(3, 65_536)]).toEqual([4, ...u32(3), ...u64(65_536n)]);
  });
});

describe("control messages", () => {
  it("ignores messages of a newer protocol", () => {
    expect(decodeMessage('{"t":"weather","s":1}')).toBeNull();
    expect(decodeMessage("[]")).toBeNull();
    expect(decodeMessage("3")).toBeNull();
  });

  it("reads the ones it knows", () => {
    expect(decodeMessage('{"t":"pong","id":5}')).toEqual({ t: "pong", id: 5 });
  });
});
