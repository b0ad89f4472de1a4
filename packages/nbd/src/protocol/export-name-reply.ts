// The reply to the option `exportName`, which has no frame of its own: size, flags, and zeros for old clients.

import { MessageWriter } from "./message-writer.js";

const ZEROES = 124;

export function encodeExportNameReply(size: bigint, flags: number, noZeroes: boolean): Uint8Array {
  const writer = new MessageWriter(noZeroes ? 10 : 10 + ZEROES).u64(size).u16(flags);
  return noZeroes ? writer.done() : writer.bytes(new Uint8Array(ZEROES)).done();
}
