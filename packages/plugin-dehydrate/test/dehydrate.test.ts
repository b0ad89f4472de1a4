import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { checkImage, readMetadata } from "@qcow/engine";
import { describe, expect, it } from "vitest";
import { dehydrate, packSingle } from "../src/index.js";
import { backendOf, bytesOf, filesOf, has, imageOf, joined, textOf } from "./files-of.js";
import { exampleImage, MadeImage } from "./made-image.js";
import { NAMES, SECRETS, secretImage } from "./secret-image.js";

/** An image of QEMU, among those of the engine's tests. */
function golden(name: string): Uint8Array {
  return gunzipSync(readFileSync(new URL(`../../engine/test/images/${name}.qcow2.gz`, import.meta.url)));
}

async function wholeReport(image: Uint8Array): Promise<unknown> {
  const { attempts: _, ...report } = await checkImage(await backendOf(image));
  return report;
}

describe("a dehydrated image", () => {
  it("has the files that qcow-tool makes, byte for byte", async () => {
    const image = exampleImage().bytes;
    const { map, meta, notes } = await filesOf(image);
    expect(textOf(map)).toBe("((blocks ((327680 393215) (0 262143))) (total_size 458752))\n");
    expect(meta.length).toBe(327680);
    expect(meta.subarray(0, 262144)).toEqual(image.subarray(0, 262144));
    expect(meta.subarray(262144)).toEqual(image.subarray(327680, 393216));
    expect(notes).toEqual([]);
  });

  it("has no secret, whatever it shares a cluster with, in the single file neither", async () => {
    const image = secretImage().bytes;
    for (const secret of SECRETS) expect(has(image, secret)).toBe(true);
    const { map, meta } = await filesOf(image);
    const single = await joined(packSingle(await dehydrate(await backendOf(image))));
    for (const secret of SECRETS) {
      for (const file of [map, meta, single]) expect(has(file, secret)).toBe(false);
    }
    expect(has(meta, "!")).toBe(false);
    // The single file has the same bytes, so that searching it proves something.
    expect(has(single, meta)).toBe(true);
  });

  it("keeps header, extensions, tables, snapshots, bitmaps and refcounts", async () => {
    const image = secretImage().bytes;
    const { map, meta } = await filesOf(image);
    expect(textOf(map)).toBe(
      "((blocks ((720896 983039) (393216 589823) (0 262143))) (total_size 1048576))\n",
    );
    for (const name of NAMES) expect(has(meta, name)).toBe(true);
    const { file } = await imageOf({ map, meta });
    expect(await wholeReport(await bytesOf(file))).toEqual(await wholeReport(image));
    expect(has(meta, new Uint8Array(65536).fill(0x5a))).toBe(true);
  });

  it("replaces all names by others of the same length when it is scrubbed", async () => {
    const image = secretImage().bytes;
    const plain = await filesOf(image);
    const scrubbed = await filesOf(image, { scrub: true });
    expect(scrubbed.map).toEqual(plain.map);
    expect(scrubbed.meta.length).toBe(plain.meta.length);
    for (const name of NAMES) expect(has(scrubbed.meta, name)).toBe(false);
    const { file } = await imageOf(scrubbed);
    const { backingFile, snapshots, bitmaps, header } = await readMetadata(file);
    expect(backingFile?.name).toBe("backing-------");
    expect(snapshots.map(({ id, name }) => [id, name])).toEqual([["1", "snapshot----1"]]);
    expect(bitmaps.map(({ name }) => name)).toEqual(["bitmap-------1"]);
    expect(header.size).toBe(BigInt(512 * 1024 ** 2));
  });

  it.each(["snap-40-512", "snap-names", "bitmap-many", "snap-vmstate-b"])(
    "scrubbed %s is checked as before, and its names stay different ones",
    async (name) => {
      const image = golden(name);
      const { file } = await imageOf(await filesOf(image, { scrub: true }));
      expect(await wholeReport(await bytesOf(file))).toEqual(await wholeReport(image));
      const before = await readMetadata(await backendOf(image));
      const after = await readMetadata(file);
      const names = [...after.snapshots, ...after.bitmaps].map(({ name: each }) => each);
      expect(new Set(names).size).toBe(
        new Set([...before.snapshots, ...before.bitmaps].map(({ name: each }) => each)).size,
      );
    },
  );

  it("has no key material, digests or salts of an encryption, but what says how it is done", async () => {
    const image = golden("luks-aes128-4k-snap");
    const files = await filesOf(image);
    const { file } = await imageOf(files);
    const { encryption: before } = await readMetadata(await backendOf(image));
    const { encryption: after } = await readMetadata(file);
    expect(after).toEqual(before);
    const at = Buffer.from(image).indexOf("LUKS\xba\xbe", "latin1");
    const digestAndSalt = image.subarray(at + 112, at + 164);
    expect(has(image, digestAndSalt)).toBe(true);
    expect(has(files.meta, digestAndSalt.subarray(0, 20))).toBe(false);
    expect(has(files.meta, digestAndSalt.subarray(20))).toBe(false);
    expect(has(files.meta, image.subarray(at + 4096, at + 4096 + 64))).toBe(false);
    expect(files.notes).toEqual(["the keys of the encryption are left out: digests, salts and key material"]);
  });

  it("leaves out bitmaps that the header calls stale: their places may be the guest's again", async () => {
    const image = secretImage();
    image.word(88, 0n);
    const { meta, notes } = await filesOf(image.bytes);
    expect(has(meta, "nightly-backup")).toBe(false);
    expect(notes).toEqual(["the bitmaps are stale, as the header says, and are left out"]);
  });

  it("reports progress in bytes of metadata", async () => {
    const seen: number[] = [];
    await filesOf(exampleImage().bytes, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it("is not made once the signal says so", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(filesOf(exampleImage().bytes, { signal })).rejects.toThrow("enough");
  });
});

describe("a damaged image", () => {
  it("that is none is refused", async () => {
    await expect(filesOf(new Uint8Array(65536))).rejects.toMatchObject({ code: "QCOW2_BAD_MAGIC" });
    await expect(filesOf(new Uint8Array(0))).rejects.toMatchObject({ code: "QCOW2_TRUNCATED" });
  });

  it("with a header that cannot be decoded gives that, and says so", async () => {
    const image = exampleImage();
    new DataView(image.bytes.buffer).setUint32(100, 0);
    const { map, meta, notes } = await filesOf(image.bytes);
    expect(textOf(map)).toBe("((blocks ((0 511))) (total_size 458752))\n");
    expect(meta.subarray(0, 112)).toEqual(image.bytes.subarray(0, 112));
    expect(notes[0]).toMatch(/^the header cannot be decoded/);
  });

  it("that was cut short keeps what is there", async () => {
    const whole = exampleImage().bytes;
    const image = whole.slice(0, 5 * 65536 - 1000);
    const { map, meta, notes } = await filesOf(image);
    expect(textOf(map)).toBe("((blocks ((0 262143))) (total_size 326680))\n");
    expect(meta).toEqual(image.subarray(0, 262144));
    expect(notes).toEqual(["the active L1 table names an L2 table where none can be"]);
  });

  it("whose L1 entry names contents gives none of these", async () => {
    const secret = "secret that is taken for a table. ";
    const image = exampleImage()
      .text(6 * 65536, secret, 1000)
      .entry(2, 1, 6);
    const { meta, notes } = await filesOf(image.bytes);
    expect(has(meta, secret)).toBe(false);
    expect(has(meta, "secret t")).toBe(false);
    expect(notes[0]).toMatch(/^[0-9]+ entries in cluster 6 look like no table's, and are left out$/);
  });

  it("whose L2 table is the guest's too keeps what can only be entries", async () => {
    const image = exampleImage()
      .entry(3, 1, 5)
      .text(5 * 65536 + 800, "a few words of the guest");
    const { meta, notes } = await filesOf(image.bytes);
    expect(has(meta, "words of")).toBe(false);
    expect(meta.subarray(262144, 262152)).toEqual(image.bytes.subarray(327680, 327688));
    expect(notes).toEqual([
      "cluster 5 holds metadata and is the guest's too: what may be contents is left out of it",
      "3 entries in cluster 5 look like no table's, and are left out",
    ]);
  });

  it("whose refcount block is the guest's too loses it", async () => {
    const image = secretImage()
      .entry(3, 7, 11)
      .text(11 * 65536 + 30000, "counted among the guest's");
    const { meta, notes } = await filesOf(image.bytes);
    expect(has(meta, "among")).toBe(false);
    expect(notes.at(-1)).toBe("the metadata in cluster 11 is left out");
  });

  it("keeps a few entries that make no sense: they are the damage", async () => {
    const image = exampleImage().word(3 * 65536 + 80, 0x1234_5678_9abc_def1n);
    const { meta, notes } = await filesOf(image.bytes);
    expect(meta.subarray(0, 262144)).toEqual(image.bytes.subarray(0, 262144));
    expect(notes).toEqual([]);
  });

  it("whose tables lead in circles is read once", async () => {
    const image = exampleImage().entry(2, 0, 2).entry(2, 1, 2).entry(2, 2, 1);
    const reads: number[] = [];
    const source = await backendOf(image.bytes);
    const counted = {
      label: source.label,
      size: () => source.size(),
      read: (offset: number, target: Uint8Array) => {
        reads.push(target.length);
        return source.read(offset, target);
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
    await filesOf(counted);
    expect(reads.reduce((sum, length) => sum + length, 0)).toBeLessThan(10 * 65536);
  });

  it("whose snapshot table never ends gives nothing of what follows it", async () => {
    const secret = "what lies behind the snapshots";
    const image = secretImage().text(6 * 65536 + 72 + 16, secret, 40);
    new DataView(image.bytes.buffer).setUint32(60, 0xffff_ffff);
    const { meta, notes } = await filesOf(image.bytes);
    expect(has(meta, "before-launch")).toBe(true);
    expect(has(meta, secret)).toBe(false);
    expect(notes.join()).toMatch(/snapshot table/);
  });

  it("with pointers to nowhere is followed as far as it goes", async () => {
    const image = new MadeImage(3).header({
      l1TableOffset: 0x7fff_ffff_ffff_0000n,
      refcountTableOffset: 0x1234n,
      snapshotsOffset: 0x55n,
      nbSnapshots: 9,
      l1Size: 0xffff_ffff,
      refcountTableClusters: 0xffff_ffff,
      size: 2n ** 64n - 1n,
    });
    const { map, notes } = await filesOf(image.bytes);
    expect(textOf(map)).toBe("((blocks ((0 65535))) (total_size 196608))\n");
    expect(notes).toEqual([
      "the snapshot table is not where one can be, and is left out",
      "the refcount table is not where a table can be, and is left out",
      "the active L1 table is not where a table can be, and is left out",
    ]);
  });
});
