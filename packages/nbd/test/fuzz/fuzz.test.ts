// Sessions of clients that send nonsense. `npm run nbd-fuzz -- --seed N --sessions N` runs more of them.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ManualClock } from "@qcow/backend-memory";
import { expect, it } from "vitest";
import { Command } from "../../src/protocol/index.js";
import { connected, serverOf } from "../served.js";
import { testExport } from "../test-export.js";
import { fuzzSession, HANDSHAKE_MS } from "./fuzz-session.js";

const SESSIONS = Number(process.env.QCOW_NBD_FUZZ_SESSIONS ?? "3000");
const SEED = Number(process.env.QCOW_NBD_FUZZ_SEED ?? "1");
/** What the heap may grow by, whatever the number of sessions, in bytes. */
const HEAP_GROWTH_MAX = 32 * 1024 * 1024;
const LIMITS = {
  handshakeMs: HANDSHAKE_MS,
  payloadBytesMax: 256 * 1024,
  inFlightBytesMax: 512 * 1024,
  requestsMax: 8,
};

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The least of some looks: memory of buffers is given back a while after they are found to be garbage. */
async function heapBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

/** An export that knows what must not reach it. */
function strictExport() {
  const disk = testExport();
  const within = (offset: number, length: number) => {
    disk.log.length = 0;
    if (offset >= 0 && length > 0 && offset + length <= disk.size) return;
    throw new Error(`offset ${offset}, length ${length} reached the export`);
  };
  const { read, write, writeZeroes, trim, cache, blockStatus } = disk;
  return Object.assign(disk, {
    read(...[offset, target, options]: Parameters<typeof read>) {
      within(offset, target.byteLength);
      if (target.byteLength > LIMITS.payloadBytesMax) throw new Error("a read beyond the limit");
      return read.call(disk, offset, target, options);
    },
    write(...[offset, source, options]: Parameters<NonNullable<typeof write>>) {
      within(offset, source.byteLength);
      return write?.call(disk, offset, source, options);
    },
    writeZeroes(...[offset, length, options]: Parameters<NonNullable<typeof writeZeroes>>) {
      within(offset, length);
      return writeZeroes?.call(disk, offset, length, options);
    },
    trim(...[offset, length, options]: Parameters<NonNullable<typeof trim>>) {
      within(offset, length);
      return trim?.call(disk, offset, length, options);
    },
    cache(...[offset, length, options]: Parameters<NonNullable<typeof cache>>) {
      within(offset, length);
      return cache?.call(disk, offset, length, options);
    },
    blockStatus(...[context, range, list, options]: Parameters<typeof blockStatus>) {
      within(range.offset, range.length);
      return blockStatus.call(disk, context, range, list, options);
    },
  });
}

it(
  `${SESSIONS} sessions from seed ${SEED} on: none hangs, leaks, or harms another connection`,
  async () => {
    const clock = new ManualClock();
    const failures: unknown[] = [];
    const unexpected: unknown[] = [];
    const observer = {
      exportFailed: ({ error }: { error: unknown }) => failures.push(error),
      connectionClosed: ({ error }: { error?: unknown }) => {
        if (error instanceof TypeError || error instanceof RangeError) unexpected.push(error);
      },
    };
    const server = serverOf(strictExport(), { time: clock, limits: LIMITS, observer });
    const { client } = connected(server);
    await client.connect("disk");
    let before = 0;
    for (let count = 0; count < SESSIONS; count++) {
      if (count === Math.min(500, SESSIONS - 1)) before = await heapBytes();
      await fuzzSession(server, clock, SEED + count);
      if (server.connections !== 1)
        throw new Error(`session ${SEED + count} left ${server.connections} connections`);
    }
    expect((await heapBytes()) - before).toBeLessThan(HEAP_GROWTH_MAX);
    expect({ failures, unexpected, sleepers: clock.pending }).toEqual({
      failures: [],
      unexpected: [],
      sleepers: 0,
    });
    expect((await client.request(Command.read, 0, 512)).error).toBe(0);
  },
  SESSIONS * 100 + 60_000,
);
