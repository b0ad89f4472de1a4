// Heads of replies in the transmission phase: simple ones, chunks of structured ones, and chunks with extended headers.
// What chunks hold is chunk's business.

import { MessageReader } from "./message-reader.js";
import { type MessageBuffers, MessageWriter, type RoomyMessage } from "./message-writer.js";
import { NbdProtocolError } from "./protocol-error.js";

const SIMPLE_REPLY_MAGIC = 0x67446698;
const STRUCTURED_REPLY_MAGIC = 0x668e33ef;
const EXTENDED_REPLY_MAGIC = 0x6e8a278c;

/** Lengths of the heads in bytes. */
export const ReplyBytes = { simple: 16, structured: 20, extended: 32 } as const;

/** How a server replies, which is negotiated. */
export type ReplyStyle = keyof typeof ReplyBytes;

/** The last chunk of a reply has it. */
export const REPLY_FLAG_DONE = 1;

export interface SimpleReply {
  readonly kind: "simple";
  /** 0 for success. */
  readonly error: number;
  readonly cookie: bigint;
}

export interface ChunkHead {
  readonly kind: "structured" | "extended";
  readonly flags: number;
  /** `ChunkType`. */
  readonly type: number;
  readonly cookie: bigint;
  /** The offset of the request; 0 in structured replies, which do not carry it. */
  readonly offset: bigint;
  /** Length of the payload in bytes. */
  readonly length: number;
}

export function encodeSimpleReply(error: number, cookie: bigint): Uint8Array {
  return new MessageWriter(ReplyBytes.simple).u32(SIMPLE_REPLY_MAGIC).u32(error).u64(cookie).done();
}

/** A whole reply with `length` bytes of data, which the caller is to put into `data`. */
export function encodeSimpleData(cookie: bigint, length: number, make?: MessageBuffers): RoomyMessage {
  return new MessageWriter(ReplyBytes.simple + length, make)
    .u32(SIMPLE_REPLY_MAGIC)
    .u32(0)
    .u64(cookie)
    .withRoom();
}

/** Writes the head of a chunk, and has room for `room` bytes of payload behind it, which the caller writes. */
export function startChunk(head: ChunkHead, room: number, make?: MessageBuffers): MessageWriter {
  const extended = head.kind === "extended";
  const writer = new MessageWriter(ReplyBytes[head.kind] + room, make)
    .u32(extended ? EXTENDED_REPLY_MAGIC : STRUCTURED_REPLY_MAGIC)
    .u16(head.flags)
    .u16(head.type)
    .u64(head.cookie);
  if (!extended) return writer.u32(head.length);
  return writer.u64(head.offset).u64(BigInt(head.length));
}

/** How long the head is that begins with these four bytes; throws `NBD_BAD_MAGIC`. */
export function replyStyleOf(magic: Uint8Array): ReplyStyle {
  const value = new MessageReader(magic, "a reply").u32();
  if (value === SIMPLE_REPLY_MAGIC) return "simple";
  if (value === STRUCTURED_REPLY_MAGIC) return "structured";
  if (value === EXTENDED_REPLY_MAGIC) return "extended";
  throw new NbdProtocolError("NBD_BAD_MAGIC", `the magic number of a reply is 0x${value.toString(16)}`);
}

/** The head of a reply, as a client reads it. */
export function decodeReply(bytes: Uint8Array): SimpleReply | ChunkHead {
  const kind = replyStyleOf(bytes);
  const reader = new MessageReader(bytes, "a reply");
  reader.u32();
  if (kind === "simple") {
    const reply = { kind, error: reader.u32(), cookie: reader.u64() } as const;
    reader.end();
    return reply;
  }
  const [flags, type, cookie] = [reader.u16(), reader.u16(), reader.u64()];
  const offset = kind === "extended" ? reader.u64() : 0n;
  const length = kind === "extended" ? Number(reader.u64()) : reader.u32();
  reader.end();
  return { kind, flags, type, cookie, offset, length };
}
