// Random writes and discards with compactions in between, against plain bytes: the whole disk is as the model says after
// each, a check finds nothing, and the file never gets longer by a compaction. A failure names its seed;
// scripts/compact-random.mjs does the same at length.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { checkImage, compactImage, createImage, type Qcow2Image } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { expectContents, kept, openWritable } from "../write/open-writable.js";

const CLUSTERS = 128;
const STEPS = 200;
const STEPS_BETWEEN = 20;

interface Run {
  readonly random: Random;
  readonly clusterSize: number;
  readonly model: DiskModel;
}

async function step({ random, clusterSize, model }: Run, image: Qcow2Image): Promise<void> {
  const offset = random.chance(0.5)
    ? random.below(CLUSTERS) * clusterSize
    : random.below(CLUSTERS * clusterSize);
  const length = Math.min(
    random.pick([1, 512, clusterSize, random.below(4 * clusterSize) + 1]),
    model.size - offset,
  );
  if (random.chance(0.5)) {
    const bytes = random.text(length);
    await image.write(offset, bytes);
    model.write(offset, bytes);
  } else {
    await image.discard(offset, length);
    model.write(offset, new Uint8Array(length));
  }
}

async function runOn(random: Random, clusterSize: number, refcounts: "lazy" | "strict"): Promise<number> {
  const backend = new MemoryBackend();
  const size = CLUSTERS * clusterSize;
  await createImage(kept(backend), { size, clusterSize });
  const run: Run = { random, clusterSize, model: new DiskModel(size) };
  let saved = 0;
  for (let steps = 0; steps < STEPS; steps += STEPS_BETWEEN) {
    const image = await openWritable(kept(backend), {}, { refcounts, punchHoles: random.chance(0.5) });
    for (let count = 0; count < STEPS_BETWEEN; count++) await step(run, image);
    const whole = new Uint8Array(size);
    await image.read(0, whole);
    expectBytes(whole, run.model.bytes(), "the open disk");
    await image.close();
    const report = await compactImage(backend);
    saved += report.sizeBefore - report.sizeAfter;
    expect(report.sizeAfter).toBe(await backend.size());
    expect(report.sizeAfter).toBeLessThanOrEqual(report.sizeBefore);
    expect(await checkImage(backend)).toMatchObject({ findings: [], leaks: 0, corruptions: 0 });
    await expectContents(backend, run.model);
  }
  return saved;
}

describe("random writes and discards", () => {
  test.each([
    [512, "strict"],
    [512, "lazy"],
    [4096, "strict"],
    [4096, "lazy"],
    [65_536, "strict"],
    [65_536, "lazy"],
  ] as const)(
    "with compactions of clusters of %i bytes leave what the model says, %s",
    async (clusterSize, refcounts) => {
      let saved = 0;
      await forSeeds(modelRuns(clusterSize > 4096 ? 1 : 3), async (random) => {
        saved += await runOn(random, clusterSize, refcounts);
      });
      expect(saved).toBeGreaterThan(0);
    },
  );
});
