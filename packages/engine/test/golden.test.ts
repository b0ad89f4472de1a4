// Images made by QEMU, which must read, map, check and describe themselves as QEMU said.

import { createHash } from "node:crypto";
import { hasLazyRefcounts, isCorrupt, isDirty, luksInfo } from "@qcow/format";
import { describe, expect, test } from "vitest";
import { type CheckReport, checkImage, type ImageMetadata, Qcow2Reader, readMetadata } from "../src/index.js";
import { GOLDEN_NAMES, type GoldenExtent, golden, goldenFile, goldenOpener } from "./golden-image.js";
import { compression } from "./streams.js";

function open(name: string, snapshot?: string): Promise<Qcow2Reader> {
  const { files } = golden(name);
  const openReference = goldenOpener(files);
  return Qcow2Reader.open(goldenFile(files[0] as string), { compression, openReference, snapshot });
}

async function hash(reader: Qcow2Reader, range = {}): Promise<string> {
  const sha256 = createHash("sha256");
  for await (const chunk of reader.chunks(range)) sha256.update(chunk);
  return sha256.digest("hex");
}

/** What `qemu-img info` says of an image, from its metadata. */
function info({ header, geometry, snapshots, bitmaps, dataFile, encryption, backingFile }: ImageMetadata) {
  const flag = (set: boolean, name: string): string[] => (set ? [name] : []);
  const optional = <T>(value: T | undefined, key: string) => (value === undefined ? {} : { [key]: value });
  const bitmapInfos = bitmaps.map((bitmap) => ({
    flags: [...flag(bitmap.inUse, "in-use"), ...flag(bitmap.auto, "auto")],
    name: bitmap.name,
    granularity: 2 ** bitmap.granularityBits,
  }));
  const versionThree = {
    "lazy-refcounts": hasLazyRefcounts(header),
    corrupt: isCorrupt(header),
    "extended-l2": geometry.extendedL2,
    ...optional(bitmaps.length === 0 ? undefined : bitmapInfos, "bitmaps"),
    ...optional(dataFile?.name, "data-file"),
    ...optional(dataFile?.raw, "data-file-raw"),
  };
  const encrypt = encryption?.format === "luks" ? luksInfo(encryption.luks) : encryption;
  return {
    // A guest sees whole sectors, and QEMU says only them.
    "virtual-size": geometry.virtualSize - (geometry.virtualSize % 512),
    "cluster-size": geometry.clusterSize,
    format: "qcow2",
    "dirty-flag": isDirty(header),
    ...optional(encryption && true, "encrypted"),
    ...optional(backingFile?.name, "backing-filename"),
    ...optional(backingFile?.name, "full-backing-filename"),
    ...optional(backingFile?.format, "backing-filename-format"),
    ...optional(snapshots.length === 0 ? undefined : snapshots.map(snapshotInfo), "snapshots"),
    "format-specific": {
      type: "qcow2",
      data: {
        compat: geometry.version === 2 ? "0.10" : "1.1",
        "compression-type": geometry.compressionMethod === "zstd" ? "zstd" : "zlib",
        "refcount-bits": geometry.refcountBits,
        ...(geometry.version === 2 ? {} : versionThree),
        ...optional(encrypt, "encrypt"),
      },
    },
  };
}

function snapshotInfo(snapshot: ImageMetadata["snapshots"][number]) {
  return {
    id: snapshot.id,
    name: snapshot.name,
    "vm-state-size": Number(snapshot.vmStateSize),
    "date-sec": snapshot.dateSec,
    "date-nsec": snapshot.dateNsec,
    "vm-clock-sec": Number(snapshot.vmClockNsec / 1_000_000_000n),
    "vm-clock-nsec": Number(snapshot.vmClockNsec % 1_000_000_000n),
    ...(snapshot.icount === undefined ? {} : { icount: Number(snapshot.icount) }),
  };
}

/** `qemu-img check --output=json`: counts of zero are left out. */
function checkJson(report: CheckReport): Record<string, unknown> {
  const counts = {
    "image-end-offset": report.imageEndOffset,
    "total-clusters": report.totalClusters,
    "allocated-clusters": report.allocatedClusters,
    "fragmented-clusters": report.fragmentedClusters,
    "compressed-clusters": report.compressedClusters,
    corruptions: report.corruptions,
    leaks: report.leaks,
  };
  const nonZero = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  return { ...nonZero, "check-errors": report.checkErrors, format: "qcow2" };
}

function exitCode({ checkErrors, corruptions, leaks }: CheckReport): number {
  if (checkErrors > 0) return 1;
  if (corruptions > 0) return 2;
  return leaks > 0 ? 3 : 0;
}

async function mapOf(reader: Qcow2Reader): Promise<GoldenExtent[]> {
  const extents: GoldenExtent[] = [];
  for await (const { start, length, depth, present, zero, data, offset } of reader.map()) {
    const flags = `${present ? "p" : ""}${zero ? "z" : ""}${data ? "d" : ""}`;
    extents.push(
      offset === undefined ? [start, length, depth, flags] : [start, length, depth, flags, offset],
    );
  }
  // An empty disk has one extent of no bytes for qemu-img.
  return extents.length === 0 ? [[0, 0, 0, ""]] : extents;
}

test("there are golden images of every family", () => {
  expect(GOLDEN_NAMES.length).toBeGreaterThan(30);
});

describe.each(GOLDEN_NAMES)("%s", (name) => {
  const expected = golden(name);
  const encrypted = expected.info.encrypted === true;

  test("describes itself", async () => {
    const { filename, ...rest } = expected.info;
    expect(filename).toBe(expected.files[0]);
    expect(info(await readMetadata(goldenFile(expected.files[0] as string)))).toEqual(rest);
  });

  test("is found by a check as QEMU finds it", async () => {
    const { filename, ...rest } = expected.check.json;
    expect(filename).toContain(expected.files[0]);
    const report = await checkImage(goldenFile(expected.files[0] as string));
    expect(checkJson(report)).toEqual(rest);
    expect(exitCode(report)).toBe(expected.check.exit);
  });

  test("maps as QEMU maps it", async () => {
    const reader = await open(name);
    if (expected.map !== undefined) expect(await mapOf(reader)).toEqual(expected.map);
    await reader.close();
  });

  if (encrypted) {
    test("is refused where it is encrypted, and only there", async () => {
      const reader = await open(name);
      const zeros = new Uint8Array(512).fill(1);
      await reader.read(await reader.seekUnmapped(0), zeros);
      expect(zeros.every((byte) => byte === 0)).toBe(true);
      const data = await reader.seekMapped(0);
      await expect(reader.read(data, zeros)).rejects.toMatchObject({ code: "QCOW2_ENCRYPTED" });
    });
    return;
  }

  test("reads as QEMU reads it, whole and in all its snapshots", async () => {
    const reader = await open(name);
    if (expected.sha256 !== undefined) expect(await hash(reader)).toBe(expected.sha256);
    for (const [offset, length, sha256] of expected.dataRuns ?? []) {
      expect(await hash(reader, { offset, length })).toBe(sha256);
    }
    for (const { id, sha256 } of expected.snapshots ?? []) {
      if (sha256 !== null) expect(await hash(await open(name, id)), `snapshot ${id}`).toBe(sha256);
    }
  });
});
