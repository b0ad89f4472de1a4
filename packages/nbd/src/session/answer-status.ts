// Answers to block status requests. Owns which contexts are answered for, and how long an answer gets.

import { StatusList } from "../exports/status-list.js";
import { encodeBlockStatus } from "../protocol/chunk.js";
import { ErrorNumber } from "../protocol/error-number.js";
import { CommandFlag } from "../protocol/request.js";
import { decodeStatusPayload } from "../protocol/status-payload.js";
import { type Answer, type Conversation, chunkReply, type Request, RequestError } from "./conversation.js";
import type { ChosenContext } from "./negotiation.js";

/** Extents of one context in one answer; clients ask on from where it ends. */
export const STATUS_EXTENTS_MAX = 16_384;
/** What an answer for one context holds at most, in bytes. */
export const STATUS_BYTES_MAX = STATUS_EXTENTS_MAX * (12 + 16);

export async function answerStatus(request: Request, conversation: Conversation): Promise<Answer> {
  const { disk, style } = conversation.agreement;
  const { signal } = request;
  const { contexts, length } = await wanted(request, conversation);
  const extentsMax = (request.head.flags & CommandFlag.oneExtent) !== 0 ? 1 : STATUS_EXTENTS_MAX;
  const reply = chunkReply(request.head, style as "structured" | "extended");
  const parts: Uint8Array[] = [];
  for (const [index, { id, name }] of contexts.entries()) {
    const list = new StatusList();
    await disk.blockStatus(name, { offset: request.offset, length }, list, { extentsMax, signal });
    parts.push(encodeBlockStatus(reply, id, list, index === contexts.length - 1));
  }
  return { parts };
}

async function wanted(
  { offset, length, payload }: Request,
  { agreement }: Conversation,
): Promise<{ contexts: readonly ChosenContext[]; length: number }> {
  if (payload === undefined) return { contexts: agreement.contexts, length };
  const asked = decodeStatusPayload(payload);
  const effective = Number(asked.length);
  const ids = new Set(asked.contextIds);
  const contexts = agreement.contexts.filter(({ id }) => ids.has(id));
  const known = contexts.length === asked.contextIds.length;
  if (!known || effective === 0 || offset + effective > agreement.disk.size) {
    throw new RequestError(ErrorNumber.EINVAL);
  }
  return { contexts, length: effective };
}
