// Requests of the transmission phase: heads of 28 bytes, or of 32 once extended headers are agreed on. Owns their layout;
// which of them make sense is the session's question.

import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";

const REQUEST_MAGIC = 0x25609513;
const EXTENDED_REQUEST_MAGIC = 0x21e41c71;

export const REQUEST_BYTES = 28;
export const EXTENDED_REQUEST_BYTES = 32;

/** Codes of commands (protocol: "Request types"). */
export const Command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

/** Flags of commands (protocol: "Command flags"). */
export const CommandFlag = {
  fua: 1 << 0,
  noHole: 1 << 1,
  dontFragment: 1 << 2,
  oneExtent: 1 << 3,
  fastZero: 1 << 4,
  payloadLength: 1 << 5,
} as const;

/** The head of a request. */
export interface RequestHead {
  /** `CommandFlag` bits. */
  readonly flags: number;
  readonly command: number;
  /** What the client recognises the reply by; any value. */
  readonly cookie: bigint;
  readonly offset: bigint;
  /** Of the range, or with extended headers and `payloadLength`, of the payload; below 2^32 in a compact request. */
  readonly length: bigint;
}

/** Throws `NBD_BAD_MAGIC`. `bytes` are `EXTENDED_REQUEST_BYTES` or `REQUEST_BYTES`. */
export function decodeRequest(bytes: Uint8Array, extended: boolean): RequestHead {
  const reader = new MessageReader(bytes, "a request");
  reader.magic(extended ? EXTENDED_REQUEST_MAGIC : REQUEST_MAGIC);
  const head = {
    flags: reader.u16(),
    command: reader.u16(),
    cookie: reader.u64(),
    offset: reader.u64(),
    length: extended ? reader.u64() : BigInt(reader.u32()),
  };
  reader.end();
  return head;
}

export function encodeRequest(
  { flags, command, cookie, offset, length }: RequestHead,
  extended: boolean,
): Uint8Array {
  const writer = new MessageWriter(extended ? EXTENDED_REQUEST_BYTES : REQUEST_BYTES)
    .u32(extended ? EXTENDED_REQUEST_MAGIC : REQUEST_MAGIC)
    .u16(flags)
    .u16(command)
    .u64(cookie)
    .u64(offset);
  return (extended ? writer.u64(length) : writer.u32(Number(length))).done();
}
