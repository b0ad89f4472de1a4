import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryBackend } from "@qcow/backend-memory";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeTarHeader, encodeTarHeader } from "../../src/archive/tar-header.js";
import { dehydrate, packSingle, rehydrate, unpackSingle } from "../../src/index.js";
import { backendOf, bytesOf, filesOf, joined } from "../files-of.js";
import { exampleImage } from "../made-image.js";

const hasTar = spawnSync("tar", ["--version"], { stdio: "ignore" }).status === 0;
const skipsTar = !hasTar && process.env.QCOW_REQUIRE_TOOLS !== "1";

const image = exampleImage().bytes;
let single: Uint8Array;

beforeAll(async () => {
  single = await joined(packSingle(await dehydrate(await backendOf(image))));
});

async function unpacked(bytes: Uint8Array, pieceLength = 7000): Promise<Uint8Array> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  }
  const file = new MemoryBackend();
  await rehydrate(await unpackSingle(pieces()), file);
  return await bytesOf(file);
}

describe("the single file", () => {
  it("makes the same image as the pair, whatever pieces it comes in", async () => {
    for (const pieceLength of [100, 512, 1_000_000])
      expect(Buffer.compare(await unpacked(single, pieceLength), image)).toBe(0);
  });

  it("is the same bytes each time", async () => {
    const again = await joined(packSingle(await dehydrate(await backendOf(image))));
    expect(Buffer.compare(again, single)).toBe(0);
  });

  it.skipIf(skipsTar)("is taken apart by tar into what qcow-tool reads (needs tar)", async () => {
    const folder = mkdtempSync(join(tmpdir(), "qcow-tar-"));
    try {
      writeFileSync(join(folder, "single.tar"), single);
      execFileSync("tar", ["xf", "single.tar"], { cwd: folder });
      const { map, meta } = await filesOf(image);
      expect(Buffer.compare(readFileSync(join(folder, "dehydrated.map")), map)).toBe(0);
      expect(Buffer.compare(readFileSync(join(folder, "dehydrated.meta")), meta)).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([0, 1, 511, 512, 540, 1024, 1535, 1536, 2000, 300_000])(
    "cut after %i bytes is refused",
    async (length) => {
      await expect(unpacked(single.subarray(0, length))).rejects.toMatchObject({
        code: "DEHYDRATED_BAD_ARCHIVE",
      });
    },
  );

  it("with a changed head is refused", async () => {
    for (const at of [0, 124, 150, 156, 1024, 1024 + 130]) {
      const changed = single.slice();
      changed[at] = (changed[at] as number) ^ 1;
      await expect(unpacked(changed)).rejects.toMatchObject({ name: "DehydrateError" });
    }
  });

  it("with something behind it is refused", async () => {
    const longer = new Uint8Array(single.length + 512);
    longer.set(single);
    longer[single.length + 1] = 1;
    await expect(unpacked(longer)).rejects.toMatchObject({ code: "DEHYDRATED_BAD_ARCHIVE" });
  });

  it("that goes on with zeros for ever is refused", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield single;
      for (;;) yield new Uint8Array(65536);
    }
    const source = await unpackSingle(endless());
    await expect(rehydrate(source, new MemoryBackend())).rejects.toMatchObject({
      code: "DEHYDRATED_BAD_ARCHIVE",
    });
  });

  it("with a map of gigabytes is refused before it is read", async () => {
    async function* huge(): AsyncGenerator<Uint8Array> {
      yield encodeTarHeader({ name: "x.map", size: 2 ** 40 });
    }
    await expect(unpackSingle(huge())).rejects.toMatchObject({ code: "DEHYDRATED_BAD_ARCHIVE" });
  });
});

describe("the head of a file in it", () => {
  it.each([0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 52])("says %i bytes", (size) => {
    expect(decodeTarHeader(encodeTarHeader({ name: "a.meta", size }))).toEqual({ name: "a.meta", size });
  });
});
