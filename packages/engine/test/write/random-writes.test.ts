// Random operations on random images against plain bytes: whatever was done, the disk is what the model says, a check
// finds nothing, and snapshots are as they were. A failure names its seed.

import { MemoryBackend } from "@qcow/backend-memory";
import { describe, test } from "vitest";
import type { Qcow2Image } from "../../src/index.js";
import { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import type { ImageBuilder } from "../image-builder.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { type Fixed, randomImage } from "../random-image.js";
import { type Beside, expectClean, expectContents, kept, openWritable } from "./open-writable.js";

interface Run {
  readonly random: Random;
  readonly clusterSize: number;
  readonly canResize: boolean;
  readonly image: Qcow2Image;
  model: DiskModel;
}

/** A part of the disk: within a cluster, around its edges, over many, rarely all of it. */
function part({ random, clusterSize, model }: Run): [number, number] {
  const start = random.chance(0.4)
    ? Math.min(model.size, random.below(Math.ceil((model.size + 1) / clusterSize)) * clusterSize)
    : random.below(model.size + 1);
  const length = random.pick([0, 1, 511, 512, clusterSize, random.below(clusterSize * 4), model.size]);
  return [start, Math.min(length, model.size - start)];
}

const operations: Record<string, (run: Run) => Promise<void>> = {
  async write(run) {
    const [offset, length] = part(run);
    const bytes = run.random.chance(0.1) ? new Uint8Array(length) : run.random.text(length);
    await run.image.write(offset, bytes);
    run.model.write(offset, bytes);
    bytes.fill(0xbb);
  },
  async writeCompressed(run) {
    const { clusterSize, random, model } = run;
    if (model.size === 0) return;
    const offset = random.below(Math.ceil(model.size / clusterSize)) * clusterSize;
    const length = Math.min(model.size - offset, random.between(1, 4) * clusterSize);
    if (length <= 0) return;
    const bytes = random.chance(0.2) ? random.bytes(length) : random.text(length);
    await run.image.writeCompressed(offset, bytes);
    model.write(offset, bytes);
  },
  async zeroes(run) {
    const [offset, length] = part(run);
    await run.image.writeZeroes(offset, length, { unmap: run.random.chance(0.5) });
    run.model.write(offset, new Uint8Array(length));
  },
  async discard(run) {
    const [offset, length] = part(run);
    await run.image.discard(offset, length);
    run.model.write(offset, new Uint8Array(length));
  },
  async read(run) {
    const [offset, length] = part(run);
    const bytes = new Uint8Array(length).fill(0xcc);
    await run.image.read(offset, bytes);
    expectBytes(bytes, run.model.read(offset, length), `read(${offset}, ${length})`);
  },
  async flush(run) {
    await run.image.flush();
  },
  async resize(run) {
    if (!run.canResize) return;
    const { random, model, clusterSize } = run;
    const limit = Math.min(2 ** 22, model.size + 5 * clusterSize);
    const size = random.pick([random.below(limit), model.size + clusterSize, model.size - 512]);
    if (size < 0) return;
    await run.image.resize(size, { allowDataLoss: true });
    run.model = model.clone(Math.ceil(size / 512) * 512);
  },
};

const USUAL = ["write", "write", "write", "writeCompressed", "zeroes", "discard", "discard", "read", "flush"];

async function runOn(random: Random, builder: ImageBuilder, beside: Beside): Promise<void> {
  const built = await builder.build();
  const files = { ...beside, data: built.data === undefined ? undefined : kept(built.data) };
  const { geometry, backend } = built;
  const canResize = builder.snapshots.length === 0 || geometry.version === 3;
  let { model } = builder;
  for (let session = random.between(1, 3); session > 0; session--) {
    const image = await openWritable(backend, files, {
      metadataCacheBytes: random.pick([1, undefined]),
      refcounts: random.pick(["lazy", "strict"]),
      punchHoles: random.chance(0.7),
    });
    const run: Run = { random, clusterSize: geometry.clusterSize, canResize, image, model };
    const names = random.chance(0.3) ? [...USUAL, "resize"] : USUAL;
    for (let count = random.between(0, 25); count > 0; count--) {
      const name = random.pick(names);
      await (operations[name] as (run: Run) => Promise<void>)(run);
    }
    ({ model } = run);
    await image.close();
    await expectClean(backend);
    await expectContents(backend, model, files);
    for (const { snapshot, model: frozen } of builder.snapshots) {
      await expectContents(backend, frozen, files, snapshot.id);
    }
  }
}

async function withBacking(random: Random, fixed: Fixed): Promise<[ImageBuilder, Beside]> {
  const bytes = random.text(random.between(1, 60_000));
  const below = new DiskModel(Math.ceil(bytes.length / 512) * 512);
  below.write(0, bytes);
  const backing = MemoryBackend.fromBytes(bytes);
  const builder = await randomImage(random, {
    ...fixed,
    below,
    backing: { name: "base", format: "raw" },
  });
  return [builder, { backing }];
}

describe("random operations", () => {
  test("on random images leave what the model says, and a clean image", async () => {
    await forSeeds(modelRuns(50), async (random) => {
      await runOn(random, await randomImage(random), {});
    });
  });

  test("on small clusters, where tables grow and move, leave what the model says", async () => {
    await forSeeds(modelRuns(20), async (random) => {
      const clusterBits = random.between(9, 10);
      await runOn(
        random,
        await randomImage(random, { clusterBits, extendedL2: false, refcountOrder: 6 }),
        {},
      );
    });
  });

  test("over a backing file, longer or shorter, leave what the model says", async () => {
    await forSeeds(modelRuns(20), async (random) => {
      const clusterBits = random.between(9, 14);
      await runOn(random, ...(await withBacking(random, { clusterBits, extendedL2: false })));
    });
    await forSeeds(modelRuns(8), async (random) => {
      await runOn(random, ...(await withBacking(random, { clusterBits: 14, extendedL2: true, version: 3 })));
    });
  });

  test("on images with extended L2 entries leave what the model says", async () => {
    await forSeeds(modelRuns(15), async (random) => {
      await runOn(random, await randomImage(random, { clusterBits: 14, extendedL2: true, version: 3 }), {});
    });
  });
});
