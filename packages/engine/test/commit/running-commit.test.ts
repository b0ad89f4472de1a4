// What goes on while a commit is under way: guests read and write, caches drop what they do not need.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage } from "../../src/index.js";
import { Gate, settle } from "../write/gates.js";
import { expectClean, openReader, openWritable } from "../write/open-writable.js";

const CLUSTER = 512;
const BYTES_PER_L2 = 64 * CLUSTER;
/** More than the cache lets pile up before it looks for some to let go. */
const TABLES = 100;

function filled(value: number): Uint8Array {
  return new Uint8Array(CLUSTER).fill(value);
}

/** An image with many L2 tables, of which only one fits into the cache. */
async function manyTables() {
  const disk = new MemoryBackend();
  await createImage(disk, { size: TABLES * BYTES_PER_L2, clusterSize: CLUSTER, lazyRefcounts: false });
  const first = await openWritable(disk);
  for (let index = 0; index < TABLES; index++) await first.write(index * BYTES_PER_L2, filled(1));
  await first.close();
  const gate = new Gate();
  const backend = new CrashingBackend(disk, { hold: gate.hold });
  return { gate, backend, image: await openWritable(backend, {}, { metadataCacheBytes: 1 }) };
}

describe("while a commit is under way", () => {
  test("an L2 table that it has not written yet stays in memory, however small the cache is", async () => {
    const { gate, backend, image } = await manyTables();
    await image.write(CLUSTER, filled(2));
    gate.shut("flush");
    const flushing = image.flush();
    await settle();
    expect(gate.waiting).toHaveLength(1);
    const seen = new Uint8Array(CLUSTER);
    for (let index = 1; index < TABLES; index++) await image.read(index * BYTES_PER_L2, seen);
    await image.read(CLUSTER, seen);
    expect(seen).toEqual(filled(2));
    // So much is in memory that this waits for the commit.
    const writing = image.write(2 * CLUSTER, filled(3));
    gate.open();
    await Promise.all([flushing, writing]);
    await image.close();
    const reader = await openReader(backend.snapshot());
    await reader.read(CLUSTER, seen);
    expect(seen).toEqual(filled(2));
    await expectClean(backend.snapshot());
  });
});
