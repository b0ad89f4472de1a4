// The short way of reads, against the long one.

import { MemoryBackend } from "@qcow/backend-memory";
import { ForwardingReader, type ReadableBlockBackend } from "@qcow/block";
import { describe, expect, it } from "vitest";
import { createImage, Qcow2Image, Qcow2Reader } from "../src/index.js";
import { expectBytes } from "./expect-disk.js";
import { forSeeds, modelRuns } from "./random.js";
import { randomImage } from "./random-image.js";
import { compression } from "./streams.js";

/** A backend whose bytes are all at hand, and which counts how often they were wanted at once. */
class AtHand extends ForwardingReader {
  wanted = 0;
  readonly #bytes: Uint8Array;

  constructor(inner: ReadableBlockBackend, bytes: Uint8Array) {
    super(inner);
    this.#bytes = bytes;
  }

  readNow(offset: number, target: Uint8Array): boolean {
    this.wanted++;
    if (offset + target.byteLength > this.#bytes.byteLength) return false;
    target.set(this.#bytes.subarray(offset, offset + target.byteLength));
    return true;
  }
}

const atHand = (backend: MemoryBackend): AtHand => new AtHand(backend, backend.toBytes());

const CLUSTER = 65_536;

/** One cluster of data at 64 KiB; the rest of the MiB is not there. */
async function made(options: { readonly data?: boolean } = {}): Promise<MemoryBackend> {
  const backend = new MemoryBackend({ label: "disk.qcow2" });
  await createImage(backend, { size: 1024 * 1024 });
  const image = await Qcow2Image.open(backend);
  if (options.data !== false) await image.write(CLUSTER, new Uint8Array(CLUSTER).fill(7));
  await image.close();
  return backend;
}

describe("reading at once", () => {
  it("gives what the long way gives, or nothing", async () => {
    let done = 0;
    let asked = 0;
    await forSeeds(modelRuns(60), async (random) => {
      const builder = await randomImage(random);
      const image = await builder.build();
      const { data } = image;
      const openReference = async () => ({ backend: atHand(data as MemoryBackend) });
      await using reader = await Qcow2Reader.open(atHand(image.backend), { compression, openReference });
      const { clusterSize } = reader.metadata.geometry;
      for (let count = 0; count < 40 && builder.model.size > 0; count++) {
        const offset = random.below(builder.model.size);
        const length = Math.min(random.between(1, clusterSize), builder.model.size - offset);
        const target = new Uint8Array(length).fill(0xa5);
        // Whatever tables it takes are in memory after that.
        if (random.below(4) !== 0) await reader.read(offset, new Uint8Array(length));
        asked++;
        if (!reader.readNow(offset, target)) continue;
        done++;
        expectBytes(target, builder.model.read(offset, length), `readNow(${offset}, ${length})`);
      }
    });
    expect(done).toBeGreaterThan(asked / 10);
  });

  it("waits for nothing: a table that is not in memory makes it no", async () => {
    const backend = atHand(await made());
    await using reader = await Qcow2Reader.open(backend);
    const target = new Uint8Array(512);
    expect(reader.readNow(CLUSTER, target)).toBe(false);
    await reader.read(CLUSTER, target);
    expect(reader.readNow(CLUSTER + 1024, target.fill(0))).toBe(true);
    expect(target.every((byte) => byte === 7)).toBe(true);
    expect(reader.readNow(0, target.fill(1))).toBe(true);
    expect(target.every((byte) => byte === 0)).toBe(true);
  });

  it("is no for what is not within a cluster, past the end, nothing, or of a closed image", async () => {
    const backend = atHand(await made());
    const reader = await Qcow2Reader.open(backend);
    const target = new Uint8Array(1024);
    await reader.read(0, target);
    for (const offset of [CLUSTER - 512, 1024 * 1024 - 512, 2 ** 40, -512, Number.NaN, 0.5])
      expect(reader.readNow(offset, target)).toBe(false);
    expect(reader.readNow(0, new Uint8Array(0))).toBe(false);
    expect(reader.readNow(0, target)).toBe(true);
    await reader.close();
    expect(reader.readNow(0, target)).toBe(false);
  });

  it("looks below where there is nothing, and is no where the disk below ends", async () => {
    const below = new MemoryBackend({ label: "below.raw" });
    await below.write(0, new Uint8Array(100_000).fill(9));
    const top = new MemoryBackend({ label: "top.qcow2" });
    await createImage(top, { size: 1024 * 1024, backingFile: { name: "below.raw", format: "raw" } });
    const openReference = async () => ({ backend: atHand(below) });
    await using reader = await Qcow2Reader.open(atHand(top), { openReference });
    const target = new Uint8Array(512);
    expect(reader.readNow(4096, target)).toBe(true);
    expect(target.every((byte) => byte === 9)).toBe(true);
    expect(reader.readNow(99_840, target)).toBe(false);
    expect(reader.readNow(500_000, target)).toBe(false);
  });

  it("is reported as other reads are, and only if it was one", async () => {
    const events: string[] = [];
    const observer = {
      guestOperation: ({ operation, offset, length, outcome }: Record<string, unknown>) =>
        void events.push(`${operation} ${offset} ${length} ${outcome}`),
      guestRead: ({ offset, length }: Record<string, unknown>) =>
        void events.push(`guest ${offset} ${length}`),
      hostRead: ({ length, purpose }: Record<string, unknown>) =>
        void events.push(`host ${length} ${purpose}`),
    };
    await using reader = await Qcow2Reader.open(atHand(await made()), { observer });
    events.length = 0;
    expect(reader.readNow(CLUSTER, new Uint8Array(512))).toBe(false);
    expect(events).toEqual([]);
    await reader.read(CLUSTER, new Uint8Array(512));
    const long = events.filter((event) => !event.includes("metadata"));
    events.length = 0;
    expect(reader.readNow(CLUSTER, new Uint8Array(512))).toBe(true);
    expect(events.toSorted()).toEqual(long.toSorted());
  });
});
