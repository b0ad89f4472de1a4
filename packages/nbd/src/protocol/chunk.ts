// The chunks that structured replies consist of (protocol: "Structured reply types"): data, holes, block status, errors.
// A chunk's data is never copied: what is made here is what goes before it.

import { MessageReader } from "./message-reader.js";
import type { MessageBuffers, RoomyMessage } from "./message-writer.js";
import { type ChunkHead, REPLY_FLAG_DONE, startChunk } from "./reply.js";
import { encodeText } from "./text.js";

export const ChunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  blockStatusExtended: 6,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;

/** What chunks of one reply have in common. */
export interface ChunkReply {
  readonly kind: ChunkHead["kind"];
  readonly cookie: bigint;
  /** The offset of the request. */
  readonly offset: bigint;
}

function head(reply: ChunkReply, type: number, length: number, done: boolean): ChunkHead {
  const { kind, cookie, offset } = reply;
  return { kind, cookie, offset, type, length, flags: done ? REPLY_FLAG_DONE : 0 };
}

/** The end of a reply that needs no other chunk, or no further one. */
export function encodeNone(reply: ChunkReply): Uint8Array {
  return startChunk(head(reply, ChunkType.none, 0, true), 0).done();
}

/** What goes before `length` bytes of data that belong at `offset`. */
export function encodeDataHead(reply: ChunkReply, offset: number, length: number, done: boolean): Uint8Array {
  return startChunk(head(reply, ChunkType.offsetData, 8 + length, done), 8)
    .u64(BigInt(offset))
    .done();
}

/** A whole message with `length` bytes of data that belong at `offset`, which the caller is to put into `data`. */
export function encodeData(
  reply: ChunkReply,
  offset: number,
  length: number,
  done: boolean,
  make?: MessageBuffers,
): RoomyMessage {
  return startChunk(head(reply, ChunkType.offsetData, 8 + length, done), 8 + length, make)
    .u64(BigInt(offset))
    .withRoom();
}

/** `length` bytes of zeros at `offset`; at most 2^32 − 1. */
export function encodeHole(reply: ChunkReply, offset: number, length: number, done: boolean): Uint8Array {
  return startChunk(head(reply, ChunkType.offsetHole, 12, done), 12)
    .u64(BigInt(offset))
    .u32(length)
    .done();
}

/** An error, with a message for people (may be empty). */
export function encodeError(reply: ChunkReply, error: number, message: string): Uint8Array {
  const text = encodeText(message, "an error");
  const length = 6 + text.byteLength;
  return startChunk(head(reply, ChunkType.error, length, true), length)
    .u32(error)
    .u16(text.byteLength)
    .bytes(text)
    .done();
}

/** Extents in a row: entry i is `lengths[i]` bytes with the status `flags[i]`, for i < `count`. */
export interface StatusExtents {
  readonly count: number;
  readonly lengths: ArrayLike<number>;
  readonly flags: ArrayLike<number>;
}

/** The status of a context; lengths below 2^32 unless the reply has extended headers. */
export function encodeBlockStatus(
  reply: ChunkReply,
  contextId: number,
  extents: StatusExtents,
  done: boolean,
): Uint8Array {
  const { count, lengths, flags } = extents;
  if (reply.kind === "extended") {
    const length = 8 + 16 * count;
    const writer = startChunk(head(reply, ChunkType.blockStatusExtended, length, done), length);
    writer.u32(contextId).u32(count);
    for (let index = 0; index < count; index++) {
      writer.u64(BigInt(lengths[index] as number)).u64(BigInt(flags[index] as number));
    }
    return writer.done();
  }
  const length = 4 + 8 * count;
  const writer = startChunk(head(reply, ChunkType.blockStatus, length, done), length).u32(contextId);
  for (let index = 0; index < count; index++)
    writer.u32(lengths[index] as number).u32(flags[index] as number);
  return writer.done();
}

/** The payload of a chunk, decoded. */
export type Chunk =
  | { readonly kind: "none" }
  | { readonly kind: "data"; readonly offset: bigint; readonly data: Uint8Array }
  | { readonly kind: "hole"; readonly offset: bigint; readonly length: number }
  | {
      readonly kind: "status";
      readonly contextId: number;
      readonly extents: readonly { readonly length: bigint; readonly flags: bigint }[];
    }
  | { readonly kind: "error"; readonly error: number; readonly message: string; readonly offset?: bigint }
  | { readonly kind: "unknown"; readonly type: number };

/** The payload of a chunk of `type`, as a client reads it. */
export function decodeChunk(type: number, payload: Uint8Array): Chunk {
  const reader = new MessageReader(payload, "a chunk");
  const chunk = decodeKnown(type, reader);
  if (chunk === undefined) return { kind: "unknown", type };
  reader.end();
  return chunk;
}

function decodeKnown(type: number, reader: MessageReader): Chunk | undefined {
  switch (type) {
    case ChunkType.none:
      return { kind: "none" };
    case ChunkType.offsetData:
      return { kind: "data", offset: reader.u64(), data: reader.bytes(reader.left) };
    case ChunkType.offsetHole:
      return { kind: "hole", offset: reader.u64(), length: reader.u32() };
    case ChunkType.blockStatus:
      return { kind: "status", contextId: reader.u32(), extents: decodeExtents(reader) };
    case ChunkType.blockStatusExtended:
      return { kind: "status", contextId: reader.u32(), extents: decodeExtendedExtents(reader) };
    case ChunkType.error:
      return { kind: "error", error: reader.u32(), message: reader.text(reader.u16()) };
    case ChunkType.errorOffset:
      return { kind: "error", error: reader.u32(), message: reader.text(reader.u16()), offset: reader.u64() };
    default:
      return undefined;
  }
}

function decodeExtents(reader: MessageReader): { length: bigint; flags: bigint }[] {
  const extents: { length: bigint; flags: bigint }[] = [];
  while (reader.left > 0) extents.push({ length: BigInt(reader.u32()), flags: BigInt(reader.u32()) });
  return extents;
}

function decodeExtendedExtents(reader: MessageReader): { length: bigint; flags: bigint }[] {
  const extents: { length: bigint; flags: bigint }[] = [];
  const count = reader.u32();
  for (let index = 0; index < count; index++) extents.push({ length: reader.u64(), flags: reader.u64() });
  return extents;
}
