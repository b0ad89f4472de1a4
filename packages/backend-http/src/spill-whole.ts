// Takes a whole file from a server that does not send parts. Owns the download, from the start again when it
// breaks; where the bytes go is the caller's choice.

import { ask } from "./ask.js";
import { noRanges } from "./http-error.js";
import type { HttpOptions, SpillBackend } from "./http-options.js";
import { readBody } from "./read-body.js";
import { retrying } from "./retrying.js";
import type { Session } from "./session.js";

/** Resolves once the whole file is in what `open` gave, and the session knows the file. */
export async function spillWhole(
  session: Session,
  open: NonNullable<HttpOptions["spill"]>,
  signal: AbortSignal,
): Promise<SpillBackend> {
  let spill: SpillBackend | undefined;
  try {
    await retrying(session, signal, () =>
      ask(session, undefined, signal, async ({ judged, sent, attempt, reservation }) => {
        if (judged.kind !== "whole") throw noRanges(session.label);
        const { length, validator } = judged;
        reservation.extend(length ?? 0);
        spill ??= await open(length);
        const target = spill;
        let at = 0;
        const size = await readBody(session, sent, attempt, reservation, { length }, async (chunk) => {
          await target.write(at, chunk, { signal: attempt.signal });
          at += chunk.length;
        });
        session.pinned = { size, validator };
      }),
    );
  } catch (error) {
    await spill?.close();
    throw error;
  }
  return spill as unknown as SpillBackend;
}
