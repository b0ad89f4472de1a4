// The first messages of a connection (protocol: "Newstyle negotiation"): the server's greeting, and the flags that the
// client answers it with.

import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { NbdProtocolError } from "./protocol-error.js";

/** "NBDMAGIC". */
const GREETING_MAGIC = 0x4e42444d41474943n;
/** "IHAVEOPT". */
export const OPTION_MAGIC = 0x49484156454f5054n;

export const GREETING_BYTES = 18;
export const CLIENT_FLAGS_BYTES = 4;

/** Flags of the greeting; those of the client's answer are the same. */
export const HandshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

const KNOWN_FLAGS = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;

export interface ClientFlags {
  /** Whether the client knows options other than `exportName`, and their replies. */
  readonly fixedNewstyle: boolean;
  /** Whether the reply to `exportName` goes without 124 bytes of zeros. */
  readonly noZeroes: boolean;
}

export function encodeGreeting(flags: number): Uint8Array {
  return new MessageWriter(GREETING_BYTES).u64(GREETING_MAGIC).u64(OPTION_MAGIC).u16(flags).done();
}

export function decodeGreeting(bytes: Uint8Array): number {
  const reader = new MessageReader(bytes, "the greeting");
  reader.magic(GREETING_MAGIC);
  reader.magic(OPTION_MAGIC);
  const flags = reader.u16();
  reader.end();
  return flags;
}

export function encodeClientFlags({ fixedNewstyle, noZeroes }: ClientFlags): Uint8Array {
  const flags = (fixedNewstyle ? HandshakeFlag.fixedNewstyle : 0) | (noZeroes ? HandshakeFlag.noZeroes : 0);
  return new MessageWriter(CLIENT_FLAGS_BYTES).u32(flags).done();
}

/** Throws `NBD_BAD_VALUE` for a flag that no server offers: the protocol demands that such a client is left. */
export function decodeClientFlags(bytes: Uint8Array): ClientFlags {
  const reader = new MessageReader(bytes, "the client's flags");
  const flags = reader.u32();
  reader.end();
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new NbdProtocolError("NBD_BAD_VALUE", `the client's flags are 0x${flags.toString(16)}`);
  }
  return {
    fixedNewstyle: (flags & HandshakeFlag.fixedNewstyle) !== 0,
    noZeroes: (flags & HandshakeFlag.noZeroes) !== 0,
  };
}
