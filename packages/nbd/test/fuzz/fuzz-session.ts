// One fuzzed session against a server. Owns how the client behaves while it sends, and that the server is through with it
// in the end, without more than it may hold in between.

import type { ManualClock } from "@qcow/backend-memory";
import type { NbdServer } from "../../src/index.js";
import { type MemoryStream, memoryStreams } from "../memory-stream.js";
import { makeSession } from "./make-session.js";
import { Random } from "./random.js";

export const HANDSHAKE_MS = 1000;
/** Turns of the event loop after which a session that is not over hangs. */
const TURNS_MAX = 5000;
/** Turns that a client tries to send for, when the server takes no more of it. */
const SENDING_TURNS_MAX = 200;
/** How much a server may have sent that the client does not read, beyond what the stream takes. */
const STREAM_BYTES = 64 * 1024;

type Ending = "end" | "destroy" | "wait" | "deaf";

/** Resolves when the session of `seed` is over; rejects when it hangs. */
export async function fuzzSession(server: NbdServer, clock: ManualClock, seed: number): Promise<void> {
  const random = new Random(seed);
  const bytes = makeSession(random);
  const ending = random.pick<Ending>(["end", "end", "destroy", "wait", "deaf"]);
  const [serverStream, stream] = memoryStreams(STREAM_BYTES);
  let over = false;
  const done = server.serve(serverStream).then(() => {
    over = true;
  });
  const reading = ending === "deaf" ? Promise.resolve() : drained(stream);
  await sent(stream, bytes, random, () => over);
  if (ending === "end") stream.end();
  else if (ending === "destroy") stream.destroy();
  else {
    await turns(20, () => over);
    // Either the handshake is too slow for the server, or the client waits in peace and may be thrown out.
    await clock.advance(HANDSHAKE_MS);
    stream.destroy();
  }
  await turns(TURNS_MAX, () => over);
  if (!over) throw new Error(`session ${seed} hangs (ending: ${ending})`);
  stream.destroy();
  await Promise.all([done, reading]);
}

async function drained(stream: MemoryStream): Promise<void> {
  try {
    while ((await stream.read()) !== undefined);
  } catch {
    // The server cut the connection off.
  }
}

async function sent(
  stream: MemoryStream,
  bytes: Uint8Array,
  random: Random,
  over: () => boolean,
): Promise<void> {
  const step = random.chance(0.5) ? bytes.byteLength : 1 + random.below(500);
  let writing = true;
  void (async () => {
    try {
      for (let at = 0; at < bytes.byteLength; at += step) await stream.write([bytes.subarray(at, at + step)]);
    } catch {
      // The server wants no more of it.
    }
    writing = false;
  })();
  await turns(SENDING_TURNS_MAX, () => !writing || over());
}

async function turns(max: number, until: () => boolean): Promise<void> {
  for (let turn = 0; turn < max && !until(); turn++) await new Promise((resolve) => setImmediate(resolve));
}
