// The payload that a block status request may have (protocol: `NBD_FLAG_BLOCK_STATUS_PAYLOAD`): the length it is about,
// and the contexts it asks for.

import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";

export interface StatusPayload {
  /** Length of the range in bytes. */
  readonly length: bigint;
  readonly contextIds: readonly number[];
}

export function decodeStatusPayload(bytes: Uint8Array): StatusPayload {
  const reader = new MessageReader(bytes, "a block status request");
  const length = reader.u64();
  const contextIds: number[] = [];
  while (reader.left > 0) contextIds.push(reader.u32());
  return { length, contextIds };
}

export function encodeStatusPayload({ length, contextIds }: StatusPayload): Uint8Array {
  const writer = new MessageWriter(8 + 4 * contextIds.length).u64(length);
  for (const id of contextIds) writer.u32(id);
  return writer.done();
}
