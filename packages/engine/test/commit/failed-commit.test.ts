// A commit that fails halfway, is tried again, and then loses power.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { BackendError, ForwardingBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { createImage, readMetadata } from "../../src/index.js";
import { Random } from "../random.js";
import { Gate, settle } from "../write/gates.js";
import { expectNoCorruption, openReader, openWritable } from "../write/open-writable.js";

const CLUSTER = 512;
const BYTES_PER_L2 = 64 * CLUSTER;
const CRASHES = 100;

function filled(value: number): Uint8Array {
  return new Uint8Array(CLUSTER).fill(value);
}

/** Writes to one place take effect, but the answer to the next one is lost when `armed`. */
class LostAnswer extends ForwardingBackend {
  armed = false;
  place = 0;

  override async write(offset: number, source: Uint8Array): Promise<void> {
    await super.write(offset, source);
    if (!this.armed || offset > this.place || offset + source.length <= this.place) return;
    this.armed = false;
    throw new BackendError("BACKEND_IO", "the answer is lost", { label: this.label });
  }
}

describe("a commit after one that failed", () => {
  test("names no data that is not durable, although the L1 table may name the new tables already", async () => {
    const disk = new MemoryBackend();
    await createImage(disk, { size: 8 * BYTES_PER_L2, clusterSize: CLUSTER, lazyRefcounts: false });
    const gate = new Gate();
    const crashing = new CrashingBackend(disk, { hold: gate.hold });
    const backend = new LostAnswer(crashing);
    backend.place = Number((await readMetadata(backend)).header.l1TableOffset);
    const image = await openWritable(backend);
    await image.write(0, filled(1));
    backend.armed = true;
    await expect(image.flush()).rejects.toMatchObject({ code: "BACKEND_IO" });
    await image.write(CLUSTER, filled(2));
    gate.shut("flush");
    const flushing = image.flush();
    await settle();
    expect(gate.waiting).toHaveLength(1);
    for (let seed = 1; seed <= CRASHES; seed++) {
      const random = new Random(seed);
      const left = crashing.crash(() => random.bits());
      const reader = await openReader(left);
      const seen = new Uint8Array(CLUSTER);
      await reader.read(CLUSTER, seen);
      expect(seen.every((byte) => byte === 0 || byte === 2)).toBe(true);
      await expectNoCorruption(left);
    }
    gate.open();
    await flushing;
    await image.close();
    await expectNoCorruption(crashing.snapshot());
  });
});
