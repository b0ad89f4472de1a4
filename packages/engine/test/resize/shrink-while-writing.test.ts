// A disk becomes shorter while writes behind its new end are under way.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, Qcow2Reader } from "../../src/index.js";
import { firstSeed, modelRuns, Random } from "../random.js";
import { Shuffle } from "../write/gates.js";
import { expectClean, openWritable } from "../write/open-writable.js";

const CLUSTER = 512;
const BYTES_PER_L2 = 64 * CLUSTER;
const SIZE = 8 * BYTES_PER_L2;
const SHORTER = 2 * BYTES_PER_L2 + 3 * CLUSTER + 512;
const WRITES = 24;

describe("making a disk shorter while it is written to", () => {
  const first = firstSeed();
  test.each(Array.from({ length: modelRuns(12) }, (_, run) => first + run))(
    "leaves nothing behind the new end, in no order of the operations: seed %i",
    async (seed) => {
      const random = new Random(seed);
      const disk = new MemoryBackend();
      await createImage(disk, { size: SIZE, clusterSize: CLUSTER, lazyRefcounts: false });
      const backend = new CrashingBackend(disk, { hold: new Shuffle(random).hold });
      const image = await openWritable(backend);
      const write = async (): Promise<unknown> => {
        const bytes = new Uint8Array(1 + random.below(4 * CLUSTER)).fill(1 + random.below(255));
        const offset = random.below(SIZE - bytes.length);
        return image.write(offset, bytes).then(
          () => undefined,
          (error: { code: string }) => error.code,
        );
      };
      const before = Array.from({ length: WRITES }, write);
      const shrinking = image.resize(SHORTER, { allowDataLoss: true });
      const after = Array.from({ length: WRITES }, write);
      for (const code of await Promise.all([...before, ...after]))
        expect([undefined, "QCOW2_OUT_OF_RANGE"]).toContain(code);
      await shrinking;
      await image.close();
      await expectClean(backend.snapshot());
      // A tool that makes the disk longer without looking finds nothing there.
      const file = backend.snapshot();
      const size = new Uint8Array(8);
      new DataView(size.buffer).setBigUint64(0, BigInt(SIZE));
      await file.write(24, size);
      const reader = await Qcow2Reader.open(file);
      const rest = new Uint8Array(SIZE - SHORTER);
      await reader.read(SHORTER, rest);
      expect(rest.findIndex((byte) => byte !== 0)).toBe(-1);
      await reader.close();
    },
  );
});
