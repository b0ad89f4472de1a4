// A host's own calls that do nothing, for tests that are about a few of them.

import type { Libc } from "../src/libc.js";

export const IDLE_LIBC: Libc = {
  lockByte: () => Promise.resolve(),
  isByteLocked: async () => false,
  fallocate: () => Promise.resolve(),
  seek: () => 0,
  readCached: () => 0,
  readNow: () => 0,
  isInMemory: () => false,
  widenPipe: () => undefined,
};
