// Whether a request makes sense, from its head alone: pure, so that every rule of the protocol can be tested as such.

import type { NbdExport } from "../exports/nbd-export.js";
import { ErrorNumber } from "../protocol/error-number.js";
import { NbdProtocolError } from "../protocol/protocol-error.js";
import type { ReplyStyle } from "../protocol/reply.js";
import { Command, CommandFlag, type RequestHead } from "../protocol/request.js";

const { fua, noHole, dontFragment, oneExtent, fastZero, payloadLength } = CommandFlag;

const STATUS_PAYLOAD_BYTES_MIN = 12;

/** What the judgement depends on, beside the request. */
export interface Jurisdiction {
  readonly disk: NbdExport;
  readonly style: ReplyStyle;
  readonly contexts: readonly unknown[];
}

export interface Judgement {
  /** 0, or why not: an `ErrorNumber`. */
  readonly error: number;
  /** Bytes behind the head, to be read whatever becomes of the request. */
  readonly payloadBytes: number;
  /** The range; where a payload says how long it is, its length is not known yet. */
  readonly offset: number;
  readonly length: number;
}

/** Flags that a command may have besides `fua`, which every command may have. */
function allowedFlags(command: number, { style, contexts, disk }: Jurisdiction): number {
  const extended = style === "extended";
  switch (command) {
    case Command.read:
      return style === "simple" ? 0 : dontFragment;
    case Command.write:
      return extended ? payloadLength : 0;
    case Command.writeZeroes:
      return noHole | (disk.zeroesFast === undefined ? 0 : fastZero);
    case Command.blockStatus:
      return oneExtent | (extended && contexts.length > 0 ? payloadLength : 0);
    default:
      return 0;
  }
}

/** Throws `NBD_BAD_LENGTH` for a payload that is not even skipped: the connection is to be ended. */
export function judgeRequest(head: RequestHead, where: Jurisdiction, payloadBytesMax: number): Judgement {
  const payloadBytes = payloadBytesOf(head, where.style);
  if (where.style === "extended" && payloadBytes > payloadBytesMax) {
    throw new NbdProtocolError("NBD_BAD_LENGTH", `a payload of ${payloadBytes} bytes`);
  }
  const offset = Number(head.offset);
  const length = Number(head.length);
  return { error: errorOf(head, offset, length, where, payloadBytesMax), payloadBytes, offset, length };
}

function payloadBytesOf({ flags, command, length }: RequestHead, style: ReplyStyle): number {
  const has = style === "extended" ? (flags & payloadLength) !== 0 : command === Command.write;
  return has ? Number(length) : 0;
}

function errorOf(
  head: RequestHead,
  offset: number,
  length: number,
  where: Jurisdiction,
  payloadBytesMax: number,
): number {
  const { command, flags } = head;
  if ((flags & ~(fua | allowedFlags(command, where))) !== 0) return ErrorNumber.EINVAL;
  const changes = command === Command.write || command === Command.writeZeroes || command === Command.trim;
  if (changes && where.disk.write === undefined) return ErrorNumber.EPERM;
  if (!isOffered(command, flags, where)) return ErrorNumber.EINVAL;
  if (command === Command.flush) return 0;
  if (command === Command.blockStatus && (flags & payloadLength) !== 0) {
    // The range is in the payload: its length, and one context at least.
    return length >= STATUS_PAYLOAD_BYTES_MIN && length % 4 === 0 ? 0 : ErrorNumber.EINVAL;
  }
  return rangeError(command, flags, offset, length, where, payloadBytesMax);
}

function isOffered(command: number, flags: number, { disk, contexts, style }: Jurisdiction): boolean {
  switch (command) {
    case Command.read:
    case Command.flush:
      return true;
    case Command.write:
      return style !== "extended" || (flags & payloadLength) !== 0;
    case Command.trim:
      return disk.trim !== undefined;
    case Command.cache:
      return disk.cache !== undefined;
    case Command.writeZeroes:
      return disk.writeZeroes !== undefined;
    case Command.blockStatus:
      return contexts.length > 0;
    default:
      return false;
  }
}

function rangeError(
  command: number,
  flags: number,
  offset: number,
  length: number,
  { disk, style }: Jurisdiction,
  payloadBytesMax: number,
): number {
  const grows = command === Command.write || command === Command.writeZeroes;
  // Numbers past 2^53 are rounded, but stay past the end of any disk.
  if (offset + length > disk.size) return grows ? ErrorNumber.ENOSPC : ErrorNumber.EINVAL;
  if (command === Command.read && length > payloadBytesMax) {
    return style === "simple" ? ErrorNumber.EINVAL : ErrorNumber.EOVERFLOW;
  }
  if (command === Command.write && length > payloadBytesMax) return ErrorNumber.EINVAL;
  if (command === Command.blockStatus && length === 0) return ErrorNumber.EINVAL;
  if ((flags & fastZero) !== 0 && disk.zeroesFast?.(offset, length) !== true) return ErrorNumber.ENOTSUP;
  return 0;
}
