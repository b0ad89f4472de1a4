// Draws images of every geometry and content from a seed. Owns what is likely; building is image-builder.ts.

import type { DiskModel } from "./disk-model.js";
import { ImageBuilder, type ImageOptions } from "./image-builder.js";
import type { Random } from "./random.js";

/** Choices that a test fixes; the rest is drawn. */
export type Fixed = Partial<ImageOptions> & { readonly plain?: boolean };

/** A random image, not built yet, so that a test may add to it. */
export async function randomImage(random: Random, fixed: Fixed = {}): Promise<ImageBuilder> {
  const version = fixed.version ?? (random.chance(0.2) ? 2 : 3);
  const extendedL2 = fixed.extendedL2 ?? (version === 3 && random.chance(0.3));
  const clusterBits = fixed.clusterBits ?? (extendedL2 ? random.between(14, 17) : drawClusterBits(random));
  const clusterSize = 2 ** clusterBits;
  const clusters = random.between(1, clusterBits <= 12 ? 200 : clusterBits <= 16 ? 24 : 4);
  const size =
    fixed.size ??
    Math.max(512, clusters * clusterSize - (random.chance(0.5) ? random.below(clusterSize) : 0));
  const dataFile =
    fixed.dataFile ?? (version === 3 && !fixed.plain && random.chance(0.1) ? "data.raw" : undefined);
  const builder = new ImageBuilder({
    version,
    clusterBits,
    extendedL2,
    refcountOrder: version === 2 ? 4 : random.between(0, 6),
    compression: version === 3 && random.chance(0.3) ? "zstd" : "deflate",
    gap: random.chance(0.3) ? () => random.below(3) : undefined,
    trim: random.chance(0.3),
    ...fixed,
    size,
    dataFile,
  });
  await fill(random, builder);
  const { refcountBits } = builder.geometry;
  const snapshots =
    dataFile === undefined && refcountBits >= 8 && !fixed.plain && random.chance(0.4)
      ? random.between(1, 3)
      : 0;
  for (let number = 1; number <= snapshots; number++) {
    builder.snapshot(String(number), `name ${number}`);
    await fill(random, builder, 0.3);
  }
  if (version === 3 && !fixed.plain && random.chance(0.2))
    builder.bitmap("bits", ["zeros", "ones", "data", "data"]);
  return builder;
}

function drawClusterBits(random: Random): number {
  return random.chance(0.9) ? random.between(9, 16) : random.between(17, 21);
}

async function fill(
  random: Random,
  builder: ImageBuilder,
  share = random.pick([0.2, 0.6, 1]),
): Promise<void> {
  for (let cluster = 0; cluster < builder.clusterCount; cluster++) {
    if (random.chance(share)) await fillCluster(random, builder, cluster);
  }
}

async function fillCluster(random: Random, builder: ImageBuilder, cluster: number): Promise<void> {
  const { geometry } = builder;
  const { version, clusterSize, extendedL2, hasDataFile, refcountBits } = geometry;
  const choice = random.below(10);
  const bytes = random.chance(0.2) ? random.bytes(clusterSize) : random.text(clusterSize);
  if (choice < 2 && !hasDataFile) await builder.compressed(cluster, bytes, refcountBits >= 16);
  else if (choice < 4 && version === 3) builder.zero(cluster, random.chance(0.5));
  else if (choice < 7 && extendedL2) drawSubclusters(random, builder, cluster, bytes);
  else if (choice === 9) builder.unallocate(cluster);
  else builder.data(cluster, bytes);
}

function drawSubclusters(random: Random, builder: ImageBuilder, cluster: number, bytes: Uint8Array): void {
  const alloc = random.pick([0, random.bits(), random.bits() & random.bits(), 0x0000_ffff, 0xffff_ffff]);
  const zero = random.pick([0, random.bits()]) & ~alloc;
  builder.subclusters(cluster, bytes, alloc >>> 0, zero >>> 0, alloc !== 0 || random.chance(0.3));
}

/** Random parts of a disk: around clusters' ends, tiny, large, whole. */
export function randomRanges(
  random: Random,
  model: DiskModel,
  clusterSize: number,
  count: number,
): [number, number][] {
  const ranges: [number, number][] = [[0, model.size]];
  for (let index = 0; index < count && model.size > 0; index++) {
    const offset = random.chance(0.5)
      ? random.below(model.size)
      : Math.min(
          model.size,
          Math.max(
            0,
            random.below(Math.ceil(model.size / clusterSize)) * clusterSize + random.between(-2, 2),
          ),
        );
    const length = Math.min(
      model.size - offset,
      random.pick([1, 3, 512, random.below(clusterSize * 3) + 1, model.size]),
    );
    ranges.push([offset, length]);
  }
  return ranges;
}
