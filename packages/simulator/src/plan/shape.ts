// What the image of a run is like. Owns which geometries are drawn, and how often; building one is image/'s business.

import type { Preallocation } from "@qcow/engine";
import type { Random } from "../random.js";

export interface BackingShape {
  readonly format: "raw" | "qcow2";
  /** In bytes; the disk above may be longer or shorter. */
  readonly size: number;
}

export interface ImageShape {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly refcountBits: number;
  readonly extendedL2: boolean;
  readonly compression: "deflate" | "zstd";
  /** What the image's lazy_refcounts bit says. */
  readonly lazy: boolean;
  /** What the writer is told, which wins; absent leaves it to the image. */
  readonly refcounts: "lazy" | "strict" | undefined;
  /** Virtual size in bytes at the start, and the largest that the workload asks for. */
  readonly size: number;
  readonly sizeMax: number;
  readonly backing: BackingShape | undefined;
  readonly dataFile: "plain" | "raw" | undefined;
  /** Internal snapshots in the starting image, if its refcounts are wide enough. */
  readonly snapshots: number;
  /** Persistent bitmaps in the starting image. */
  readonly bitmaps: boolean;
  /** How the engine's own `createImage` makes the image; absent for one that is laid out by hand. */
  readonly created: Preallocation | undefined;
  /** Most bytes of L2 tables that the writer keeps in memory; absent leaves it to the engine. */
  readonly cacheBytes: number | undefined;
  /** Whether the backend can punch holes. */
  readonly holes: boolean;
  /** Free space is recycled while the image is in use; in clusters. Absent where it is not. */
  readonly recycling: { readonly keepErased: number; readonly compactAfter: number } | undefined;
  /** Writes that fill the starting image. */
  readonly fills: number;
}

/** Images that are small enough to be read a hundred thousand times, and yet have several of each table. */
export function drawShape(random: Random): ImageShape {
  const version = random.chance(0.2) ? 2 : 3;
  const extendedL2 = version === 3 && random.chance(0.2);
  const clusterBits = extendedL2 ? random.weighted(EXTENDED_CLUSTERS) : random.weighted(CLUSTERS);
  const dataFile = version === 3 && random.chance(0.12) ? random.pick(["plain", "raw"] as const) : undefined;
  const size = drawSize(random, clusterBits);
  const backing = dataFile !== "raw" && random.chance(0.25) ? drawBacking(random, size) : undefined;
  const bitmaps = version === 3 && dataFile === undefined && random.chance(0.08);
  return {
    version,
    clusterBits,
    refcountBits: version === 2 ? 16 : 2 ** random.below(7),
    extendedL2,
    compression: version === 3 && random.chance(0.3) ? "zstd" : "deflate",
    lazy: version === 3 && random.chance(0.5),
    refcounts: random.weighted([
      [2, undefined],
      [1, "lazy"],
      [1, "strict"],
    ]),
    size,
    sizeMax: Math.max(size + 2 ** clusterBits, Math.ceil(size * random.pick([1, 1.5, 3]))),
    backing,
    dataFile,
    snapshots: dataFile === undefined && random.chance(0.25) ? random.between(1, 2) : 0,
    bitmaps,
    created: bitmaps ? undefined : drawCreated(random, backing !== undefined && !extendedL2),
    cacheBytes: random.chance(0.5) ? random.pick([1, 2, 5]) * 2 ** clusterBits : undefined,
    holes: random.chance(0.7),
    recycling: random.chance(0.4)
      ? { keepErased: random.pick([0, 1, 4, 20]), compactAfter: random.pick([1, 1, 3, 10]) }
      : undefined,
    fills: random.weighted([
      [2, 0],
      [5, random.between(1, 20)],
    ]),
  };
}

function drawCreated(random: Random, plain: boolean): Preallocation | undefined {
  const preallocated = random.pick(["metadata", "falloc", "full"] as const);
  return random.weighted([
    [5, undefined],
    [4, "off"],
    [1, plain ? "off" : preallocated],
  ] as const);
}

const CLUSTERS = [
  [35, 9],
  [12, 10],
  [10, 11],
  [14, 12],
  [5, 13],
  [5, 14],
  [3, 15],
  [10, 16],
  [2, 17],
  [1, 18],
  [1, 19],
  [1, 20],
  [1, 21],
] as const;

const EXTENDED_CLUSTERS = [
  [12, 14],
  [4, 15],
  [5, 16],
  [1, 17],
  [1, 21],
] as const;

/** In whole sectors: often the last cluster is cut. */
function drawSize(random: Random, clusterBits: number): number {
  const clusterSize = 2 ** clusterBits;
  const most = clusterBits <= 12 ? 300 : clusterBits <= 16 ? 20 : 4;
  // Now and then as long as it takes for tables to outgrow a cluster.
  const huge = clusterBits <= 10 && random.chance(0.08) ? 5000 : 0;
  const clusters = huge > 0 ? random.between(huge / 2, huge) : random.between(1, most);
  const cut = random.chance(0.5) ? 512 * random.below(clusterSize / 512) : 0;
  return Math.max(512, clusters * clusterSize - cut);
}

function drawBacking(random: Random, size: number): BackingShape {
  const factor = random.pick([0.3, 0.8, 1, 1.4]);
  return {
    format: random.pick(["raw", "qcow2"] as const),
    size: Math.max(512, Math.floor((size * factor) / 512) * 512),
  };
}

/** One line for people. */
export function describeShape(shape: ImageShape): string {
  const { version, clusterBits, refcountBits, size, sizeMax, backing, dataFile, snapshots } = shape;
  const words = [
    `version ${version}`,
    `clusters of ${2 ** clusterBits}`,
    `refcounts of ${refcountBits} bits`,
    `${size} to ${sizeMax} bytes`,
    `${shape.lazy ? "lazy" : "strict"} image written ${shape.refcounts ?? "as it says"}`,
    shape.compression,
  ];
  if (shape.extendedL2) words.push("extended L2");
  if (backing !== undefined) words.push(`${backing.format} backing of ${backing.size}`);
  if (dataFile !== undefined) words.push(`${dataFile} data file`);
  if (snapshots > 0) words.push(`${snapshots} snapshots`);
  if (shape.bitmaps) words.push("bitmaps");
  if (shape.created !== undefined) words.push(`created with preallocation ${shape.created}`);
  if (shape.cacheBytes !== undefined) words.push(`${shape.cacheBytes} bytes of tables in memory`);
  if (shape.recycling !== undefined) {
    const { keepErased, compactAfter } = shape.recycling;
    words.push(`${keepErased} erased clusters kept, compacted after ${compactAfter}`);
  }
  if (!shape.holes) words.push("no holes");
  return words.join(", ");
}
