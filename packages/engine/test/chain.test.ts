// Backing chains: what is read through them, what is refused, and who closes what.

import { MemoryBackend } from "@qcow/backend-memory";
import type { ReadableBlockBackend } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { CHAIN_DEPTH_MAX, Qcow2Reader, readChain } from "../src/index.js";
import { DiskModel } from "./disk-model.js";
import { expectMap, expectReads, expectStreams } from "./expect-disk.js";
import { ImageBuilder } from "./image-builder.js";
import { forSeeds, modelRuns, type Random } from "./random.js";
import { randomImage } from "./random-image.js";
import { Files, Watched } from "./referenced-files.js";
import { compression } from "./streams.js";

async function randomChain(
  random: Random,
  depth: number,
): Promise<{ top: ReadableBlockBackend; model: DiskModel; files: Files }> {
  const files = new Files();
  const raw = random.chance(0.5);
  const bottomBytes = random.bytes(random.between(1, 60_000));
  let below: DiskModel | undefined;
  let name: string | undefined;
  if (raw) {
    below = new DiskModel(Math.ceil(bottomBytes.length / 512) * 512);
    below.write(0, bottomBytes);
    name = "bottom.raw";
    files.add(name, MemoryBackend.fromBytes(bottomBytes));
  }
  for (let layer = depth; ; layer--) {
    const format = layer === depth && raw ? "raw" : "qcow2";
    const fixed = name === undefined ? {} : { below, backing: { name, format } };
    const dataFile = random.chance(0.1) ? `data-${layer}.raw` : "";
    const builder = await randomImage(random, {
      plain: true,
      clusterBits: random.between(9, 16),
      extendedL2: false,
      ...fixed,
      ...(dataFile === "" ? {} : { dataFile, version: 3 }),
    });
    const image = await builder.build();
    if (image.data !== undefined) files.add(dataFile, image.data);
    if (layer === 0) return { top: image.backend, model: builder.model, files };
    name = `layer-${layer}`;
    below = builder.model;
    files.add(name, image.backend);
  }
}

describe("a random chain", () => {
  test("reads, maps and streams as the model says, whatever sizes its layers have", async () => {
    await forSeeds(modelRuns(60), async (random) => {
      const { top, model, files } = await randomChain(random, random.between(1, 5));
      const reader = await Qcow2Reader.open(top, { compression, openReference: files.open });
      await expectReads(reader, model, random);
      await expectMap(reader, model, random);
      await expectStreams(reader, model, random);
      await reader.close();
      const opened = new Set(files.asked.map(({ name }) => name));
      for (const [name, closes] of Object.entries(files.closes))
        expect([name, closes]).toEqual([name, opened.has(name) ? 1 : 0]);
    });
  });

  test("of extended L2 images resolves subclusters below", async () => {
    await forSeeds(modelRuns(30), async (random) => {
      const base = await randomImage(random, { plain: true, clusterBits: 15, extendedL2: true, version: 3 });
      const middle = await randomImage(random, {
        plain: true,
        clusterBits: 14,
        extendedL2: true,
        version: 3,
        below: base.model,
        backing: { name: "base", format: "qcow2" },
      });
      const builder = await randomImage(random, {
        plain: true,
        clusterBits: 16,
        extendedL2: true,
        version: 3,
        below: middle.model,
        backing: { name: "middle", format: "qcow2" },
      });
      const files = new Files();
      for (const [name, layer] of [
        ["base", base],
        ["middle", middle],
      ] as const) {
        const image = await layer.build();
        files.add(name, image.backend);
        if (image.data !== undefined) return;
      }
      const image = await builder.build();
      if (image.data !== undefined) return;
      const reader = await Qcow2Reader.open(image.backend, { compression, openReference: files.open });
      await expectReads(reader, builder.model, random);
      await expectMap(reader, builder.model, random);
    });
  });
});

function overlay(name: string, format?: string): ImageBuilder {
  return new ImageBuilder({ size: 2 ** 20, label: `over ${name}`, backing: { name, format } });
}

describe("a chain", () => {
  test("says what its layers are", async () => {
    const files = new Files().add("base.raw", new MemoryBackend({ size: 1000, label: "base" }));
    const { backend } = await overlay("base.raw", "raw").build();
    const reader = await Qcow2Reader.open(backend, { openReference: files.open });
    expect(reader.layers).toEqual([
      { label: "over base.raw", format: "qcow2", virtualSize: 2 ** 20, dataLabel: "over base.raw" },
      { label: "base", format: "raw", virtualSize: 1024, dataLabel: "base" },
    ]);
    expect(files.asked).toEqual([
      { kind: "backing", name: "base.raw", format: "raw", from: "over base.raw" },
    ]);
    const links = await readChain(backend, { openReference: files.open });
    expect(links.map(({ format, label }) => [format, label])).toEqual([
      ["qcow2", "over base.raw"],
      ["raw", "base"],
    ]);
    expect(links[1]).toMatchObject({ size: 1000 });
    expect(files.closes).toEqual({ "base.raw": 1 });
    await reader.close();
  });

  test("that comes back to a file it has is refused, by identity", async () => {
    const { backend } = await overlay("self", "qcow2").build();
    const again = backend.snapshot({ identity: backend.identity });
    const files = new Files().add("self", again);
    await expect(Qcow2Reader.open(backend, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_CHAIN_LOOP",
    });
    await expect(readChain(backend, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_CHAIN_LOOP",
    });
    expect(files.closes).toEqual({ self: 2 });
  });

  test("that never ends is refused at its depth, and everything is closed", async () => {
    const { backend } = await overlay("next", "qcow2").build();
    const opened: Watched[] = [];
    const openReference = async () => {
      const file = new Watched(backend.snapshot());
      opened.push(file);
      return { backend: file };
    };
    await expect(Qcow2Reader.open(backend, { openReference })).rejects.toMatchObject({
      code: "QCOW2_CHAIN_TOO_DEEP",
    });
    expect(opened).toHaveLength(CHAIN_DEPTH_MAX + 1);
    expect(opened.every(({ closes }) => closes === 1)).toBe(true);
    expect(await backend.size()).toBeGreaterThan(0);
  });

  test("as long as is allowed is followed", async () => {
    const { backend } = await overlay("next", "qcow2").build();
    const { backend: bottom } = await new ImageBuilder({ size: 2 ** 20 })
      .data(0, new Uint8Array(65536).fill(9))
      .build();
    let depth = 0;
    const openReference = async () => ({
      backend: ++depth === CHAIN_DEPTH_MAX ? bottom : backend.snapshot(),
    });
    const reader = await Qcow2Reader.open(backend, { openReference });
    expect(reader.layers).toHaveLength(CHAIN_DEPTH_MAX + 1);
    const byte = new Uint8Array(1);
    await reader.read(5, byte);
    expect(byte[0]).toBe(9);
  });

  test("without an opener is refused", async () => {
    const { backend } = await overlay("base").build();
    await expect(Qcow2Reader.open(backend)).rejects.toMatchObject({ code: "QCOW2_MISSING_CAPABILITY" });
  });

  test("of a format nobody knows is refused, and what was opened is closed", async () => {
    const files = new Files().add("base", new MemoryBackend({ size: 512 }));
    const { backend } = await overlay("base", "vmdk").build();
    await expect(Qcow2Reader.open(backend, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_UNSUPPORTED_FORMAT",
    });
    expect(files.closes).toEqual({ base: 1 });
    expect(await backend.size()).toBeGreaterThan(0);
  });

  test("takes the opener's word for a format before the image's", async () => {
    const { backend: base } = await new ImageBuilder({ size: 512 }).build();
    const files = new Files().add("base", base, { format: "raw" });
    const { backend } = await overlay("base", "qcow2").build();
    const reader = await Qcow2Reader.open(backend, { openReference: files.open });
    expect(reader.layers[1]?.format).toBe("raw");
  });

  test("that fails to open closes what it opened, but not the caller's backend", async () => {
    const files = new Files()
      .add("middle", (await overlay("bottom", "qcow2").build()).backend)
      .add("bottom", MemoryBackend.fromBytes(new Uint8Array(1024)));
    const top = new Watched((await overlay("middle", "qcow2").build()).backend);
    await expect(Qcow2Reader.open(top, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_BAD_MAGIC",
    });
    expect(files.closes).toEqual({ middle: 1, bottom: 1 });
    expect(top.closes).toBe(0);
  });
});

describe("a backing file without a recorded format", () => {
  test("is probed: qcow2 when it looks so, raw otherwise, and a file of no bytes is raw", async () => {
    const { backend: qcow2 } = await new ImageBuilder({ size: 512 }).build();
    for (const [base, format] of [
      [qcow2, "qcow2"],
      [MemoryBackend.fromBytes(new Uint8Array(600)), "raw"],
      [new MemoryBackend(), "raw"],
    ] as const) {
      const { backend } = await overlay("base").build();
      const reader = await Qcow2Reader.open(backend, { openReference: new Files().add("base", base).open });
      expect(reader.layers[1]?.format).toBe(format);
    }
  });

  test("that is found to be qcow2 may not name further files, unless it is trusted", async () => {
    const { backend: secret } = await new ImageBuilder({ size: 512 }).build();
    const { backend: middle } = await overlay("secret", "qcow2").build();
    const { backend } = await overlay("middle").build();
    const files = new Files().add("middle", middle).add("secret", secret);
    await expect(Qcow2Reader.open(backend, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_UNTRUSTED_REFERENCE",
    });
    expect(files.asked.map(({ name }) => name)).toEqual(["middle"]);
    const trusting = new Files()
      .add("middle", middle.snapshot(), { trusted: true })
      .add("secret", secret.snapshot());
    const reader = await Qcow2Reader.open(backend, { openReference: trusting.open });
    expect(reader.layers).toHaveLength(3);
  });

  test("nor a data file", async () => {
    const { backend: middle } = await new ImageBuilder({ size: 512, dataFile: "/etc/passwd" }).build();
    const { backend } = await overlay("middle").build();
    const files = new Files().add("middle", middle);
    await expect(Qcow2Reader.open(backend, { openReference: files.open })).rejects.toMatchObject({
      code: "QCOW2_UNTRUSTED_REFERENCE",
    });
  });
});
