// The work of a compaction grows as the image does, however torn that is.

import { MemoryBackend } from "@qcow/backend-memory";
import { compactImage, createImage, Qcow2Image } from "@qcow/engine";
import { expect, test } from "vitest";
import { Gate } from "../recycle/gate.js";

const CLUSTER = 4096;

/** Operations of the disk that it takes to compact `clusters` clusters of which every second one is free. */
async function operationsFor(clusters: number): Promise<number> {
  const file = new MemoryBackend({ label: "torn" });
  await createImage(file, { size: clusters * CLUSTER, clusterSize: CLUSTER });
  const image = await Qcow2Image.open(file);
  for (let at = 0; at < clusters; at += 64)
    await image.write(at * CLUSTER, new Uint8Array(64 * CLUSTER).fill(1));
  for (let at = 0; at < clusters; at += 2) await image.discard(at * CLUSTER, CLUSTER);
  await image.close();
  const gate = new Gate(file);
  const { sizeBefore, sizeAfter } = await compactImage(gate);
  expect(sizeAfter).toBeLessThan(sizeBefore * 0.55);
  return gate.log.length;
}

test("S-0.10.0-1 S-0.9.0-3 S-0.8.0-3 S-0.7.1-1: four times as many holes take four times the work", async () => {
  const few = await operationsFor(1024);
  const many = await operationsFor(4096);
  expect(many / few).toBeLessThan(4.5);
});
