// One damage at a time, and the finding it must give. Expected totals are those of qemu-img check.

import { describe, expect, test } from "vitest";
import { type CheckReport, checkImage, type Finding, type FindingCode } from "../src/index.js";
import type { BuiltImage } from "./built-image.js";
import { ImageBuilder, type ImageOptions } from "./image-builder.js";

const CLUSTER = 65536;
const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;

async function small(options: Partial<ImageOptions> = {}): Promise<BuiltImage> {
  const ones = new Uint8Array(options.clusterBits === undefined ? CLUSTER : 2 ** options.clusterBits).fill(1);
  const builder = new ImageBuilder({ size: 2 ** 20, ...options }).data(0, ones).data(1, ones);
  return await (await builder.compressed(2, ones)).build();
}

interface Case {
  readonly title: string;
  readonly options?: Partial<ImageOptions>;
  readonly build?: () => Promise<BuiltImage>;
  readonly damage: (image: BuiltImage) => Promise<unknown>;
  readonly severity?: Finding["severity"];
  readonly totals: Partial<CheckReport>;
  readonly offset?: (image: BuiltImage) => number;
}

const withSnapshot =
  (changes = {}) =>
  async () =>
    await new ImageBuilder({ size: 2 ** 20 })
      .data(0, new Uint8Array(CLUSTER).fill(1))
      .snapshot("1", "a", changes)
      .build();

const withBitmapInUse = async () =>
  await new ImageBuilder({ size: 2 ** 20 }).bitmap("bits", ["data"], { flags: 3 }).build();

const CASES: Record<Exclude<FindingCode, `REFCOUNT_REBUILD_${string}`>, readonly Case[]> = {
  REFCOUNT_TOO_LOW: [
    {
      title: "of 0 for a cluster in use, whose COPIED flag is wrong then, too",
      damage: (image) => image.setRefcount(image.hostOf(0), 0n),
      totals: { corruptions: 2 },
      offset: (image) => image.hostOf(0) * CLUSTER,
    },
    {
      title: "for the header",
      damage: (image) => image.setRefcount(0, 0n),
      totals: { corruptions: 1 },
      offset: () => 0,
    },
    {
      title: "for a compressed cluster, in which one bit of width has room for one",
      options: { refcountOrder: 0 },
      damage: async (image) => image.putU64(image.l2EntryOffset(3), image.getU64(image.l2EntryOffset(2))),
      totals: { corruptions: 1 },
    },
  ],
  REFCOUNT_TOO_HIGH: [
    {
      title: "for a free cluster",
      damage: async (image) => {
        await image.backend.resize(40 * CLUSTER);
        await image.setRefcount(30, 3n);
      },
      severity: "leak",
      totals: { leaks: 1, imageEndOffset: 31 * CLUSTER },
      offset: () => 30 * CLUSTER,
    },
    {
      title: "of 64 bits, far above what can be counted",
      options: { refcountOrder: 6 },
      damage: (image) => image.setRefcount(0, 2n ** 63n),
      severity: "leak",
      totals: { leaks: 1 },
      offset: () => 0,
    },
  ],
  COPIED_FLAG_WRONG: [
    {
      title: "missing in an L2 entry",
      damage: (image) => image.edit(image.l2EntryOffset(0), (entry) => entry & ~COPIED),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(0),
    },
    {
      title: "missing in an L1 entry",
      damage: (image) => image.edit(image.l1Offset, (entry) => entry & ~COPIED),
      totals: { corruptions: 1 },
    },
    {
      title: "set although a snapshot shares the cluster",
      build: withSnapshot(),
      damage: (image) => image.edit(image.l2EntryOffset(0), (entry) => entry | COPIED),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(0),
    },
  ],
  RESERVED_BITS_SET: [
    {
      title: "in an L2 entry",
      damage: (image) => image.edit(image.l2EntryOffset(0), (entry) => entry | (1n << 58n)),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(0),
    },
    {
      title: "in an L1 entry",
      damage: (image) => image.edit(image.l1Offset, (entry) => entry | 4n),
      totals: { corruptions: 1 },
    },
    {
      title: "in a refcount table entry, whose block is not counted then",
      damage: (image) => image.edit(image.refcountTableOffset, (entry) => entry | 4n),
      totals: { corruptions: 1, leaks: 1 },
    },
  ],
  UNALIGNED_OFFSET: [
    {
      title: "of a data cluster, which touches two",
      damage: (image) => image.edit(image.l2EntryOffset(0), (entry) => entry + 512n),
      totals: { checkErrors: 0 },
      offset: (image) => image.l2EntryOffset(0),
    },
    {
      title: "of a refcount block, whose refcounts cannot be checked",
      damage: (image) => image.edit(image.refcountTableOffset, (entry) => entry + 512n),
      totals: { checkErrors: 1 },
    },
    {
      title: "of an L2 table",
      damage: (image) => image.edit(image.l1Offset, (entry) => entry + 512n),
      totals: { checkErrors: 0, allocatedClusters: 0 },
    },
  ],
  REFERENCE_OUTSIDE_FILE: [
    {
      title: "of a data cluster",
      damage: (image) => image.putU64(image.l2EntryOffset(0), 1n << 50n),
      totals: { corruptions: 1, leaks: 1 },
      offset: () => 2 ** 50,
    },
    {
      title: "of a compressed cluster",
      damage: (image) => image.putU64(image.l2EntryOffset(3), COMPRESSED | (1n << 50n)),
      totals: { corruptions: 1 },
      offset: () => 2 ** 50,
    },
    {
      title: "of a refcount block at the end of all numbers",
      damage: (image) => image.putU64(image.refcountTableOffset + 8, 0xffff_ffff_ffff_0000n),
      totals: { corruptions: 1 },
    },
  ],
  REFCOUNT_BLOCK_SHARED: [
    {
      title: "by two entries of the table",
      damage: (image) => image.putU64(image.refcountTableOffset + 8, image.getU64(image.refcountTableOffset)),
      totals: { corruptions: 2 },
      offset: (image) => image.refcountBlocks.get(0) as number,
    },
  ],
  COMPRESSED_ENTRY_INVALID: [
    {
      title: "with a COPIED flag",
      damage: (image) => image.edit(image.l2EntryOffset(2), (entry) => entry | COPIED),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(2),
    },
    {
      title: "with a subcluster bitmap",
      options: { extendedL2: true },
      damage: (image) => image.putU64(image.l2EntryOffset(2) + 8, 1n),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(2),
    },
  ],
  SUBCLUSTER_BITMAP_INVALID: [
    {
      title: "allocated and zero at once",
      options: { extendedL2: true },
      damage: (image) => image.edit(image.l2EntryOffset(0) + 8, (bitmap) => bitmap | (1n << 40n)),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(0),
    },
    {
      title: "allocated without a cluster",
      options: { extendedL2: true },
      damage: (image) => image.putU64(image.l2EntryOffset(3) + 8, 1n),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(3),
    },
  ],
  ZERO_FLAG_NOT_ALLOWED: [
    {
      title: "in version 2",
      options: { version: 2 },
      damage: (image) => image.putU64(image.l2EntryOffset(3), 1n),
      totals: { corruptions: 1 },
      offset: (image) => image.l2EntryOffset(3),
    },
  ],
  SNAPSHOT_TABLE_INVALID: [
    {
      title: "with an entry that is too short for version 3",
      build: withSnapshot({ diskSize: undefined }),
      damage: async () => undefined,
      totals: { corruptions: 1 },
    },
    {
      title: "past the end of the file",
      build: withSnapshot(),
      damage: (image) => image.putU64(64, 1n << 50n),
      // The clusters of the snapshot that cannot be found are not called leaked.
      totals: { checkErrors: 0, leaks: 0 },
      offset: () => 2 ** 50,
    },
    {
      title: "on the header, whose fields are no snapshots",
      build: withSnapshot(),
      damage: (image) => image.putU64(64, 0n),
      totals: { corruptions: 1, leaks: 0 },
    },
    {
      title: "in an image with a data file",
      build: async () => new ImageBuilder({ size: 2 ** 20, dataFile: "data" }).snapshot("1", "a").build(),
      damage: async () => undefined,
      totals: { corruptions: 1 },
    },
  ],
  SNAPSHOT_L1_INVALID: [
    {
      title: "that is not aligned",
      build: withSnapshot(),
      damage: (image) => image.edit(image.snapshotsOffset, (offset) => offset + 512n),
      totals: { checkErrors: 0 },
    },
    {
      title: "that is too large",
      build: withSnapshot(),
      damage: (image) => image.putU32(image.snapshotsOffset + 8, 0xffff_ffff),
      totals: { checkErrors: 0 },
    },
  ],
  CLUSTER_OVERLAP: [
    {
      title: "of guest data with the L1 table, though the refcount says 2",
      damage: async (image) => {
        await image.setRefcount(image.l1Offset / CLUSTER, 2n);
        await image.putU64(image.l2EntryOffset(3), BigInt(image.l1Offset));
      },
      totals: { corruptions: 1, leaks: 0 },
      offset: (image) => image.l1Offset,
    },
    {
      title: "of guest data with an L2 table, though the refcount says 2 and the flags agree",
      damage: async (image) => {
        const table = image.l2EntryOffset(0);
        await image.setRefcount(table / CLUSTER, 2n);
        await image.edit(image.l1Offset, (entry) => entry & ~COPIED);
        await image.putU64(image.l2EntryOffset(3), BigInt(table));
      },
      totals: { corruptions: 1, leaks: 0 },
      offset: (image) => image.l2EntryOffset(0),
    },
  ],
  BITMAP_INVALID: [
    {
      title: "with a table entry of reserved bits, of a bitmap that is in use anyway",
      build: withBitmapInUse,
      damage: (image) => image.edit(CLUSTER, (entry) => entry | 4n),
      totals: { corruptions: 1, leaks: 1 },
      offset: () => CLUSTER,
    },
  ],
  TABLE_UNREADABLE: [
    {
      title: "of refcounts that lie nowhere",
      damage: (image) => image.edit(image.refcountTableOffset, (entry) => entry + 512n),
      severity: "error",
      totals: { checkErrors: 1 },
    },
  ],
};

for (const [code, cases] of Object.entries(CASES)) {
  describe(code, () => {
    test.each(cases)(
      "$title",
      async ({ options, build, damage, severity = "corruption", totals, offset }) => {
        const image = await (build?.() ?? small(options));
        await damage(image);
        const report = await checkImage(image.backend);
        expect(report).toMatchObject(totals);
        const found = report.findings.filter((finding) => finding.code === code);
        expect(found.length, JSON.stringify(report.findings)).toBeGreaterThan(0);
        const place = offset === undefined ? {} : { offset: offset(image) };
        expect(found).toContainEqual(expect.objectContaining({ severity, ...place }));
        for (const { message } of report.findings) expect(message).toMatch(/^[\x20-\x7e]+$/);
      },
    );
  });
}

describe("a check", () => {
  test("finds what a name in the image would do to a terminal, and does not do it", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 })
      .snapshot("\u001b[2J\n", "a\u202eb", { diskSize: undefined })
      .build();
    const { findings } = await checkImage(image.backend);
    expect(findings[0]?.message).toMatch(/^[\x20-\x7e]+$/);
  });

  test("is complete though a refcount block for clusters past the file lies nowhere", async () => {
    const image = await small();
    await image.putU64(image.refcountTableOffset + 8, 512n);
    const report = await checkImage(image.backend);
    expect(report).toMatchObject({ corruptions: 1, checkErrors: 0 });
    expect(report.findings[0]).toMatchObject({ code: "UNALIGNED_OFFSET", offset: 512 });
  });

  test("counts a defect of a shared table once for each reference", async () => {
    const image = await new ImageBuilder({ size: 2 ** 20 })
      .data(0, new Uint8Array(CLUSTER).fill(1))
      .snapshot("1", "a")
      .snapshot("2", "b")
      .build();
    await image.edit(image.l2EntryOffset(0), (entry) => entry | (1n << 58n));
    const report = await checkImage(image.backend);
    expect(report.corruptions).toBe(3);
    expect(report.findings).toHaveLength(1);
    expect(report.findings[0]).toMatchObject({ code: "RESERVED_BITS_SET", times: 3 });
  });

  test("of an image without a refcount table finds every cluster uncounted", async () => {
    const image = await small();
    await image.putU32(56, 0);
    const report = await checkImage(image.backend);
    expect(report.corruptions).toBeGreaterThan(5);
    expect(report.checkErrors).toBe(0);
  });

  test("is of stale refcounts, where the dirty bit says so, as of others", async () => {
    const ones = new Uint8Array(CLUSTER).fill(1);
    const image = await new ImageBuilder({ size: 2 ** 20, dirty: true }).data(0, ones).build();
    expect(await checkImage(image.backend)).toMatchObject({ corruptions: 0, leaks: 0 });
    await image.setRefcount(image.hostOf(0), 0n);
    expect(await checkImage(image.backend)).toMatchObject({ corruptions: 2 });
  });
});
