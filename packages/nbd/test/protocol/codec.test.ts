// Every message comes back as it was, and arbitrary bytes give a message or the codec's own error, never anything else.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ChunkReply,
  ChunkType,
  decodeChunk,
  decodeClientFlags,
  decodeGreeting,
  decodeOptionHead,
  decodeOptionReply,
  decodeOptionReplyHead,
  decodeOptionRequest,
  decodeReply,
  decodeRequest,
  decodeStatusPayload,
  encodeBlockStatus,
  encodeClientFlags,
  encodeData,
  encodeDataHead,
  encodeError,
  encodeGreeting,
  encodeHole,
  encodeNone,
  encodeOptionHead,
  encodeOptionReply,
  encodeOptionRequest,
  encodeRequest,
  encodeSimpleReply,
  encodeStatusPayload,
  isNbdProtocolError,
  OPTION_REPLY_HEAD_BYTES,
  type OptionReply,
  type OptionRequest,
  REPLY_FLAG_DONE,
  ReplyBytes,
} from "../../src/protocol/index.js";

const u16 = fc.nat(0xffff);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));

const optionRequests: fc.Arbitrary<OptionRequest> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("list", "startTls", "structuredReply", "extendedHeaders", "abort"),
  }),
  fc.record({ kind: fc.constant("exportName" as const), name: text }),
  fc.record({ kind: fc.constantFrom("info", "go"), name: text, wanted: fc.array(u16) }),
  fc.record({
    kind: fc.constantFrom("listMetaContext", "setMetaContext"),
    name: text,
    queries: fc.array(text),
  }),
  fc.record({ kind: fc.constant("unknown" as const), code: fc.integer({ min: 12, max: 0xffff_ffff }) }),
);

const optionReplies: fc.Arbitrary<OptionReply> = fc.oneof(
  fc.constant({ kind: "ack" as const }),
  fc.record({ kind: fc.constant("server" as const), name: text, details: text }),
  fc.record({ kind: fc.constant("export" as const), size: u64, flags: u16 }),
  fc.record({ kind: fc.constantFrom("name", "description"), text }),
  fc.record({ kind: fc.constant("blockSize" as const), minimum: u32, preferred: u32, maximum: u32 }),
  fc.record({ kind: fc.constant("metaContext" as const), id: u32, name: text }),
  fc.record({
    kind: fc.constant("error" as const),
    error: fc.integer({ min: 0x8000_0000, max: 0xffff_ffff }),
    message: text,
  }),
);

const chunkReplies: fc.Arbitrary<ChunkReply> = fc.oneof(
  fc.record({ kind: fc.constant("extended" as const), cookie: u64, offset: u64 }),
  fc.record({ kind: fc.constant("structured" as const), cookie: u64, offset: fc.constant(0n) }),
);

describe("what was encoded is decoded as it was", () => {
  it("greetings and the client's flags", () => {
    fc.assert(fc.property(u16, (flags) => decodeGreeting(encodeGreeting(flags)) === flags));
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), (fixedNewstyle, noZeroes) => {
        const flags = { fixedNewstyle, noZeroes };
        expect(decodeClientFlags(encodeClientFlags(flags))).toEqual(flags);
      }),
    );
  });

  it("options and replies to them", () => {
    fc.assert(
      fc.property(optionRequests, (option) => {
        const { code, data } = encodeOptionRequest(option);
        expect(decodeOptionHead(encodeOptionHead({ code, length: data.byteLength }))).toEqual({
          code,
          length: data.byteLength,
        });
        expect(decodeOptionRequest(code, data)).toEqual(option);
      }),
    );
    fc.assert(
      fc.property(u32, optionReplies, (option, reply) => {
        const bytes = encodeOptionReply(option, reply);
        const head = decodeOptionReplyHead(bytes.subarray(0, OPTION_REPLY_HEAD_BYTES));
        expect(head).toMatchObject({ option, length: bytes.byteLength - OPTION_REPLY_HEAD_BYTES });
        expect(decodeOptionReply(head.code, bytes.subarray(OPTION_REPLY_HEAD_BYTES))).toEqual(reply);
      }),
    );
  });

  it("requests, compact and extended, and their payloads", () => {
    const heads = fc.record({ flags: u16, command: u16, cookie: u64, offset: u64 });
    fc.assert(
      fc.property(heads, u32, u64, (head, short, long) => {
        const compact = { ...head, length: BigInt(short) };
        expect(decodeRequest(encodeRequest(compact, false), false)).toEqual(compact);
        const extended = { ...head, length: long };
        expect(decodeRequest(encodeRequest(extended, true), true)).toEqual(extended);
      }),
    );
    fc.assert(
      fc.property(u64, fc.array(u32), (length, contextIds) => {
        const payload = { length, contextIds };
        expect(decodeStatusPayload(encodeStatusPayload(payload))).toEqual(payload);
      }),
    );
  });

  it("simple replies, and chunks of both kinds", () => {
    fc.assert(
      fc.property(u32, u64, (error, cookie) => {
        expect(decodeReply(encodeSimpleReply(error, cookie))).toEqual({ kind: "simple", error, cookie });
      }),
    );
    const extents = fc.array(fc.tuple(fc.integer({ min: 1, max: 0xffff_ffff }), u32), { minLength: 1 });
    fc.assert(
      fc.property(chunkReplies, fc.boolean(), u32, text, extents, (reply, done, number, message, list) => {
        const status = {
          count: list.length,
          lengths: list.map(([length]) => length),
          flags: list.map(([, flags]) => flags),
        };
        const offset = number * 4096;
        expectChunk(reply, encodeNone(reply), ChunkType.none, true, { kind: "none" });
        expectChunk(reply, encodeHole(reply, offset, number, done), ChunkType.offsetHole, done, {
          kind: "hole",
          offset: BigInt(offset),
          length: number,
        });
        expectChunk(reply, encodeError(reply, number, message), ChunkType.error, true, {
          kind: "error",
          error: number,
          message,
        });
        const type = reply.kind === "extended" ? ChunkType.blockStatusExtended : ChunkType.blockStatus;
        expectChunk(reply, encodeBlockStatus(reply, number, status, done), type, done, {
          kind: "status",
          contextId: number,
          extents: list.map(([length, flags]) => ({ length: BigInt(length), flags: BigInt(flags) })),
        });
        const data = new TextEncoder().encode(message);
        const bytes = Buffer.concat([encodeDataHead(reply, offset, data.byteLength, done), data]);
        const chunk = { kind: "data", offset: BigInt(offset), data: Buffer.from(data) };
        expectChunk(reply, bytes, ChunkType.offsetData, done, chunk);
        const whole = encodeData(reply, offset, data.byteLength, done);
        whole.data.set(data);
        expect(Buffer.from(whole.message).equals(bytes)).toBe(true);
      }),
    );
  });
});

function expectChunk(reply: ChunkReply, bytes: Uint8Array, type: number, done: boolean, chunk: object): void {
  const headBytes = ReplyBytes[reply.kind];
  const payload = bytes.subarray(headBytes);
  expect(decodeReply(bytes.subarray(0, headBytes))).toEqual({
    ...reply,
    type,
    flags: done ? REPLY_FLAG_DONE : 0,
    length: payload.byteLength,
  });
  expect(decodeChunk(type, payload)).toEqual(chunk);
}

describe("arbitrary bytes", () => {
  const decoders: Record<string, (bytes: Uint8Array, number: number) => unknown> = {
    greeting: decodeGreeting,
    clientFlags: decodeClientFlags,
    optionHead: decodeOptionHead,
    optionReplyHead: decodeOptionReplyHead,
    optionRequest: (bytes, code) => decodeOptionRequest(code, bytes),
    optionReply: (bytes, code) => decodeOptionReply(code, bytes),
    request: (bytes) => decodeRequest(bytes, false),
    extendedRequest: (bytes) => decodeRequest(bytes, true),
    reply: (bytes) => decodeReply(bytes),
    chunk: (bytes, type) => decodeChunk(type, bytes),
    statusPayload: decodeStatusPayload,
  };

  it.each(Object.keys(decoders))("are a message or an error of the protocol: %s", (name) => {
    const code = fc.oneof(fc.nat(12), u32, fc.constantFrom(0x8001, 0x8002, 0x8000_0001));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), code, (bytes, number) => {
        try {
          decoders[name]?.(bytes, number);
        } catch (error) {
          if (!isNbdProtocolError(error)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("that are no UTF-8, hold a NUL, or are too long are no string", () => {
    for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0x00]]) {
      expect(() => decodeOptionRequest(1, Uint8Array.from(bad))).toThrow(/string/);
    }
    expect(() => decodeOptionRequest(1, new Uint8Array(4097).fill(0x61))).toThrow(/longer than 4096/);
    expect(decodeOptionRequest(1, new Uint8Array(4096).fill(0x61))).toMatchObject({ kind: "exportName" });
    expect(() => encodeOptionRequest({ kind: "exportName", name: "\ud800" })).toThrow(/surrogate/);
  });
});
