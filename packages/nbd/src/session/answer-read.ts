// Answers to read requests. Owns when zeros are sent as holes, and that data goes out of the buffer it was read into. Short
// reads are sent as data: to ask for the map would cost more than their zeros do.

import { AllocationFlag, BASE_ALLOCATION } from "../exports/nbd-export.js";
import { StatusList } from "../exports/status-list.js";
import { encodeData, encodeDataHead, encodeHole } from "../protocol/chunk.js";
import { encodeSimpleData, encodeSimpleReply, type ReplyStyle } from "../protocol/reply.js";
import { CommandFlag, type RequestHead } from "../protocol/request.js";
import type { BufferPool } from "./buffer-pool.js";
import { type Answer, type Conversation, chunkReply, plainReply, type Request } from "./conversation.js";

/** Longer reads are sent from the buffer that they are read into, and their zeros as holes; in bytes. */
const SHORT_BYTES_MAX = 64 * 1024;
/** Shorter holes are sent as data, among the data around them. */
const HOLE_BYTES_MIN = 4096;
const EXTENTS_MAX = 4096;

/** Ranges of zeros and of data in turn: entry i is `lengths[i]` bytes. */
interface Run {
  readonly offset: number;
  length: number;
  readonly zero: boolean;
}

export async function answerRead(request: Request, conversation: Conversation): Promise<Answer> {
  const { head, offset, length } = request;
  const { style } = conversation.agreement;
  if (length < SHORT_BYTES_MAX) return await answerShortly(request, conversation);
  if (style === "simple")
    return await answerPlainly(request, conversation, encodeSimpleReply(0, head.cookie));
  const reply = chunkReply(head, style);
  const runs = await runsOf(request, conversation);
  if (runs.length === 1 && runs[0]?.zero === true) {
    return { parts: [encodeHole(reply, offset, length, true)] };
  }
  if (runs.length <= 1) {
    return await answerPlainly(request, conversation, encodeDataHead(reply, offset, length, true));
  }
  return await answerInChunks(request, conversation, runs);
}

/** The answer to a short read of what is in memory; undefined for all others, which have to wait. */
export function answerReadNow(
  head: RequestHead,
  { offset, length }: { readonly offset: number; readonly length: number },
  { agreement, buffers }: Conversation,
): Answer | undefined {
  const { style, disk } = agreement;
  if (disk.readNow === undefined || length === 0 || length >= SHORT_BYTES_MAX) return undefined;
  const { message, data } = shortMessage(head, style, offset, length, buffers);
  if (disk.readNow(offset, data)) return { parts: [message], buffer: message };
  buffers.give(message);
  return undefined;
}

/** A short read: into the message itself, which is one piece to send. */
async function answerShortly(
  { head, offset, length, signal }: Request,
  { agreement, buffers }: Conversation,
): Promise<Answer> {
  const { style, disk } = agreement;
  if (length === 0) return { parts: [plainReply(head, style, 0)] };
  const { message, data } = shortMessage(head, style, offset, length, buffers);
  try {
    await disk.read(offset, data, { signal });
  } catch (error) {
    buffers.give(message);
    throw error;
  }
  return { parts: [message], buffer: message };
}

/** The whole reply, and the place of the data in it. */
function shortMessage(
  head: RequestHead,
  style: ReplyStyle,
  offset: number,
  length: number,
  buffers: BufferPool,
) {
  const make = (bytes: number) => buffers.take(bytes);
  return style === "simple"
    ? encodeSimpleData(head.cookie, length, make)
    : encodeData(chunkReply(head, style), offset, length, true, make);
}

async function answerPlainly(
  { offset, length, signal }: Request,
  { agreement, buffers }: Conversation,
  before: Uint8Array,
): Promise<Answer> {
  const buffer = buffers.take(length);
  try {
    await agreement.disk.read(offset, buffer, { signal });
  } catch (error) {
    buffers.give(buffer);
    throw error;
  }
  return { parts: [before, buffer], buffer };
}

async function answerInChunks(
  { head, offset, length, signal }: Request,
  { agreement, buffers }: Conversation,
  runs: readonly Run[],
): Promise<Answer> {
  const { disk, style } = agreement;
  const reply = chunkReply(head, style as "structured" | "extended");
  const buffer = buffers.take(length);
  const dataOf = (run: Run) => buffer.subarray(run.offset - offset, run.offset - offset + run.length);
  const reads = runs.filter(({ zero }) => !zero).map((run) => disk.read(run.offset, dataOf(run), { signal }));
  // All of them have to be through before the buffer is anybody else's.
  const failed = (await Promise.allSettled(reads)).find(({ status }) => status === "rejected");
  if (failed !== undefined) {
    buffers.give(buffer);
    throw (failed as PromiseRejectedResult).reason;
  }
  const parts = runs.flatMap((run, index) => {
    const done = index === runs.length - 1;
    if (run.zero) return [encodeHole(reply, run.offset, run.length, done)];
    return [encodeDataHead(reply, run.offset, run.length, done), dataOf(run)];
  });
  return { parts, buffer };
}

/** Nothing where it does not matter what the range consists of. */
async function runsOf({ head, offset, length, signal }: Request, conversation: Conversation): Promise<Run[]> {
  const { disk } = conversation.agreement;
  const inOnePiece = (head.flags & CommandFlag.dontFragment) !== 0;
  if (inOnePiece || !disk.contexts.includes(BASE_ALLOCATION)) return [];
  const list = new StatusList();
  await disk.blockStatus(BASE_ALLOCATION, { offset, length }, list, { extentsMax: EXTENTS_MAX, signal });
  const runs: Run[] = [];
  let at = offset;
  for (let index = 0; index < list.count; index++) {
    const bytes = Math.min(list.lengths[index] as number, offset + length - at);
    const zero = ((list.flags[index] as number) & AllocationFlag.zero) !== 0 && bytes >= HOLE_BYTES_MIN;
    addRun(runs, at, bytes, zero);
    at += bytes;
  }
  addRun(runs, at, offset + length - at, false);
  return runs;
}

function addRun(runs: Run[], offset: number, length: number, zero: boolean): void {
  if (length === 0) return;
  const last = runs.at(-1);
  if (last?.zero === zero) last.length += length;
  else runs.push({ offset, length, zero });
}
