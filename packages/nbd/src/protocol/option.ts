// Options of the negotiation as they frame themselves: a code and some bytes. What the bytes say is option-request's.

import { OPTION_MAGIC } from "./handshake.js";
import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";

export const OPTION_HEAD_BYTES = 16;

/** Codes of options (protocol: "Option types"). */
export const OptionCode = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
  extendedHeaders: 11,
} as const;

/** What an item of information is about (protocol: `NBD_REP_INFO`). */
export const InfoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export interface OptionHead {
  readonly code: number;
  /** Length of the data that follows, in bytes. */
  readonly length: number;
}

export function encodeOptionHead({ code, length }: OptionHead): Uint8Array {
  return new MessageWriter(OPTION_HEAD_BYTES).u64(OPTION_MAGIC).u32(code).u32(length).done();
}

/** Throws `NBD_BAD_MAGIC`. */
export function decodeOptionHead(bytes: Uint8Array): OptionHead {
  const reader = new MessageReader(bytes, "an option");
  reader.magic(OPTION_MAGIC);
  const head = { code: reader.u32(), length: reader.u32() };
  reader.end();
  return head;
}
