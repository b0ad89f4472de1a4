// A discard up to the end of the disk, which grows meanwhile.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage } from "../../src/index.js";
import { Gate, settle } from "./gates.js";
import { expectClean, openWritable } from "./open-writable.js";

const CLUSTER = 65536;
/** The disk ends in the middle of a subcluster of 2048 bytes. */
const SIZE = 2 * CLUSTER + 5 * 512;

describe("a discard up to the end of a disk that grows meanwhile", () => {
  test.each([{ extendedL2: true }, { extendedL2: false }])("leaves only zeros behind, %o", async (kind) => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: SIZE, clusterSize: CLUSTER, ...kind });
    const first = await openWritable(disk);
    await first.write(0, new Uint8Array(SIZE).fill(1));
    await first.close();
    const gate = new Gate();
    const backend = new CrashingBackend(disk, { hold: gate.hold });
    const image = await openWritable(backend);
    // The discard knows where the disk ends, and waits for its L2 table.
    gate.shut("read");
    const discarding = image.discard(CLUSTER, SIZE - CLUSTER);
    await settle();
    const growing = image.resize(SIZE + 3 * CLUSTER);
    await settle();
    gate.open();
    await Promise.all([discarding, growing]);
    const rest = new Uint8Array(image.virtualSize - CLUSTER);
    await image.read(CLUSTER, rest);
    expect(rest.every((byte) => byte === 0)).toBe(true);
    await image.close();
    await expectClean(backend.snapshot());
  });
});
