// Answers to requests that change an export, or see to it that changes stay. Owns the order of changing and flushing.

import type { NbdExport } from "../exports/nbd-export.js";
import { Command, CommandFlag } from "../protocol/request.js";
import { type Answer, type Conversation, plainReply, type Request } from "./conversation.js";

export async function answerChange(request: Request, conversation: Conversation): Promise<Answer> {
  const { head } = request;
  const { disk, style } = conversation.agreement;
  await change(request, disk);
  // Commands that change nothing may have the flag too, and then it says nothing.
  const durable = (head.flags & CommandFlag.fua) !== 0 && head.command !== Command.cache;
  if (durable || head.command === Command.flush) await disk.flush?.({});
  return { parts: [plainReply(head, style, 0)] };
}

/** Without the connection's signal: what a client asked for is done, even if it does not wait for it. */
async function change({ head, offset, length, payload }: Request, disk: NbdExport): Promise<void> {
  if (length === 0) return;
  switch (head.command) {
    case Command.write:
      return await disk.write?.(offset, payload as Uint8Array, {});
    case Command.writeZeroes: {
      const mayUnmap = (head.flags & CommandFlag.noHole) === 0;
      return await disk.writeZeroes?.(offset, length, { mayUnmap });
    }
    case Command.trim:
      return await disk.trim?.(offset, length, {});
    default:
      return;
  }
}
