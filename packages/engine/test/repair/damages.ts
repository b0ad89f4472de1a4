// Ways to damage a built image that a repair must undo, each complete in itself. Owns no expectations but whether the
// repair ends with a clean image.

import type { BuiltImage } from "../built-image.js";
import type { Random } from "../random.js";

const COPIED = 1n << 63n;
const OFFSET = 0x00ff_ffff_ffff_fe00n;

export interface Damage {
  readonly title: string;
  /** Whether an image can have it at all. */
  readonly suits?: (image: BuiltImage) => boolean;
  /** The refcount table names a place that makes no sense: a recount of references means little. */
  readonly strayBlock?: boolean;
  readonly apply: (image: BuiltImage, random: Random) => Promise<void>;
}

const version3 = (image: BuiltImage): boolean => image.header.version === 3;
const hasPlain = (image: BuiltImage): boolean => plainEntries(image).length > 0;
const hasTables = (image: BuiltImage): boolean => image.l2Offsets.size > 0;

export const DAMAGES: readonly Damage[] = [
  {
    title: "the dirty bit over right refcounts",
    suits: version3,
    apply: (image) => image.edit(72, (bits) => bits | 1n),
  },
  {
    title: "the dirty and the corrupt bit, and an unknown autoclear bit",
    suits: version3,
    apply: async (image, random) => {
      await image.edit(72, (bits) => bits | 3n);
      await image.edit(88, (bits) => bits | (1n << 40n));
      await image.setRefcount(random.pick([...image.references.keys()]), 0n);
    },
  },
  {
    title: "all refcounts zero",
    apply: async (image) => {
      for (const offset of image.refcountBlocks.values())
        await image.backend.write(offset, new Uint8Array(image.geometry.clusterSize));
    },
  },
  {
    title: "all refcounts at their highest",
    apply: async (image) => {
      for (const offset of image.refcountBlocks.values())
        await image.backend.write(offset, new Uint8Array(image.geometry.clusterSize).fill(0xff));
    },
  },
  {
    title: "random refcounts",
    apply: async (image, random) => {
      const limit = 2 ** Math.min(image.geometry.refcountBits, 31);
      for (const cluster of image.references.keys()) {
        if (random.chance(0.3)) await image.setRefcount(cluster, BigInt(random.below(limit)));
      }
    },
  },
  {
    title: "no refcount table",
    apply: (image) => image.putU32(56, 0),
  },
  {
    title: "a refcount table past the end of the file",
    apply: async (image) => {
      const { clusterSize } = image.geometry;
      const size = await image.backend.size();
      await image.putU64(48, BigInt((Math.ceil(size / clusterSize) + 1) * clusterSize));
    },
  },
  {
    title: "a refcount table on the L1 table",
    apply: (image) => image.putU64(48, BigInt(image.l1Offset)),
  },
  {
    title: "a refcount block past the end of the file",
    strayBlock: true,
    apply: async (image) => {
      const { clusterSize } = image.geometry;
      const size = await image.backend.size();
      await image.putU64(image.refcountTableOffset, BigInt(Math.ceil(size / clusterSize) * clusterSize));
    },
  },
  {
    title: "an unaligned refcount block",
    strayBlock: true,
    suits: (image) => image.geometry.clusterBits > 9,
    apply: (image) => image.edit(image.refcountTableOffset, (entry) => entry + 512n),
  },
  {
    title: "reserved bits in an entry of the refcount table",
    strayBlock: true,
    apply: (image) => image.edit(image.refcountTableOffset, (entry) => entry | 5n),
  },
  {
    title: "a refcount block that is the header",
    apply: (image) => image.putU64(image.refcountTableOffset, BigInt(image.l1Offset)),
  },
  {
    title: "a refcount block missing",
    apply: (image) => image.putU64(image.refcountTableOffset, 0n),
  },
  {
    title: "leaked clusters",
    apply: async (image) => {
      const { clusterSize, refcountBlockEntries } = image.geometry;
      const clusters = Math.ceil((await image.backend.size()) / clusterSize);
      await image.backend.resize((clusters + 3) * clusterSize);
      for (let cluster = clusters; cluster < clusters + 3; cluster++) {
        if (image.refcountBlocks.has(Math.floor(cluster / refcountBlockEntries)))
          await image.setRefcount(cluster, 1n);
      }
    },
  },
  {
    title: "COPIED flags that are all wrong",
    suits: hasTables,
    apply: async (image) => {
      for (const at of plainEntries(image)) await image.edit(at, (entry) => entry ^ COPIED);
      for (const at of l1Entries(image)) await image.edit(at, (entry) => entry ^ COPIED);
    },
  },
  {
    title: "two guest clusters in one host cluster",
    suits: (image) => hasPlain(image) && image.geometry.refcountBits > 4,
    apply: async (image, random) => {
      const entry = image.getU64(random.pick(plainEntries(image)));
      await image.putU64(random.pick(plainEntries(image)), entry);
    },
  },
  {
    title: "a guest cluster in the L1 table",
    suits: (image) => hasPlain(image) && image.geometry.refcountBits > 4,
    apply: (image, random) => image.putU64(random.pick(plainEntries(image)), BigInt(image.l1Offset) | COPIED),
  },
  {
    title: "a guest cluster in an L2 table",
    suits: (image) => hasPlain(image) && image.geometry.refcountBits > 4,
    apply: (image, random) => {
      const at = random.pick(plainEntries(image));
      return image.putU64(at, BigInt(random.pick([...image.l2Offsets.values()])) | COPIED);
    },
  },
  {
    title: "a guest cluster in a refcount block",
    suits: (image) => hasPlain(image) && image.geometry.refcountBits > 4,
    apply: (image, random) => {
      const at = random.pick(plainEntries(image));
      return image.putU64(at, BigInt(random.pick([...image.refcountBlocks.values()])) | COPIED);
    },
  },
  {
    title: "an unaligned zero cluster",
    suits: (image) => hasPlain(image) && version3(image) && image.geometry.clusterBits > 9,
    apply: async (image, random) => {
      const at = random.pick(plainEntries(image));
      if (image.geometry.extendedL2) await image.putU64(at + 8, 0n);
      await image.edit(at, (entry) => (entry + 512n) | (image.geometry.extendedL2 ? 0n : 1n));
    },
  },
];

/** Offsets in the file of the plain entries of the active L2 tables of images without a data file. */
function plainEntries(image: BuiltImage): number[] {
  const { clusterSize, l2EntrySize, hasDataFile } = image.geometry;
  if (hasDataFile) return [];
  const found: number[] = [];
  for (const table of image.l2Offsets.values()) {
    const bytes = image.backend.toBytes(table, clusterSize);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + l2EntrySize <= bytes.length; at += l2EntrySize) {
      const entry = view.getBigUint64(at);
      if ((entry & (1n << 62n)) === 0n && (entry & OFFSET) !== 0n && (entry & 1n) === 0n)
        found.push(table + at);
    }
  }
  return found;
}

function l1Entries(image: BuiltImage): number[] {
  return [...image.l2Offsets.keys()].map((index) => image.l1Offset + index * 8);
}
