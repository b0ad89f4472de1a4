// What those who answer the requests of one connection share: shapes, and how each kind of reply says that it failed.

import { type ChunkReply, encodeError, encodeNone } from "../protocol/chunk.js";
import { encodeSimpleReply, type ReplyStyle } from "../protocol/reply.js";
import type { RequestHead } from "../protocol/request.js";
import type { BufferPool } from "./buffer-pool.js";
import type { Agreement } from "./negotiation.js";

export interface Conversation {
  readonly agreement: Agreement;
  readonly buffers: BufferPool;
}

/** A request that makes sense as far as its head tells, with its payload. */
export interface Request {
  readonly head: RequestHead;
  readonly offset: number;
  readonly length: number;
  readonly payload: Uint8Array | undefined;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

export interface Answer {
  /** What is sent, in order and without copying. */
  readonly parts: readonly Uint8Array[];
  /** A buffer of the pool that is free once the parts are sent. */
  readonly buffer?: Uint8Array;
}

/** A request that cannot be served, and what the client is told; nothing of the export failed. */
export class RequestError extends Error {
  readonly number: number;

  constructor(number: number) {
    super(`error ${number}`);
    this.number = number;
  }
}

export function chunkReply(head: RequestHead, style: "structured" | "extended"): ChunkReply {
  return { kind: style, cookie: head.cookie, offset: head.offset };
}

/** The reply to a request that was done, or failed with `error`, and needs to say no more. */
export function plainReply(head: RequestHead, style: ReplyStyle, error: number): Uint8Array {
  if (style === "simple") return encodeSimpleReply(error, head.cookie);
  const reply = chunkReply(head, style);
  return error === 0 ? encodeNone(reply) : encodeError(reply, error, "");
}
