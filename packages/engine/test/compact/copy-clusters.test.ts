// Copying clusters: what reaches the backend, counted.

import { MemoryBackend } from "@qcow/backend-memory";
import { type DataRange, ForwardingBackend, type IoOptions } from "@qcow/block";
import { describe, expect, test } from "vitest";
import { CopyList, copyClusters } from "../../src/compact/copy-clusters.js";
import { expectBytes } from "../expect-disk.js";

const CLUSTER = 4096;

class Counting extends ForwardingBackend {
  reads = 0;
  writes = 0;
  bytesWritten = 0;
  questions = 0;

  override read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.reads++;
    return super.read(offset, target, options);
  }

  override write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    this.writes++;
    this.bytesWritten += source.byteLength;
    return super.write(offset, source, options);
  }

  protected override forwardNextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    this.questions++;
    return super.forwardNextData(offset, options);
  }
}

/** A file of `count` clusters, each full of its own number; those of `holes` are none of it. */
async function fileOf(count: number, holes: readonly number[] = []) {
  const backend = new MemoryBackend({ size: count * CLUSTER });
  for (let index = 0; index < count; index++)
    if (!holes.includes(index)) await backend.write(index * CLUSTER, new Uint8Array(CLUSTER).fill(index));
  return { memory: backend, backend: new Counting(backend) };
}

function listOf(pairs: readonly (readonly [number, number])[]): CopyList {
  const list = new CopyList();
  for (const [source, destination] of pairs) list.add(source, destination);
  return list;
}

const row = (source: number, destination: number, count: number): [number, number][] =>
  Array.from({ length: count }, (_, at) => [source + at, destination + at]);

function firstBytes(memory: MemoryBackend, count: number): number[] {
  return Array.from({ length: count }, (_, index) => memory.toBytes(index * CLUSTER, 1)[0] as number);
}

describe("a list of copies", () => {
  test("has runs of what lies in a row in both places, whatever the order it was added in", () => {
    const list = listOf([
      [22, 3],
      [20, 1],
      [21, 2],
      [30, 4],
      [31, 6],
      [10, 40],
    ]);
    expect(list.runs(100)).toEqual([
      [10, 40, 1],
      [20, 1, 3],
      [30, 4, 1],
      [31, 6, 1],
    ]);
    expect(list.length).toBe(6);
  });

  test("has no run that is longer than it may be", () => {
    expect(listOf(row(50, 1, 7)).runs(3)).toEqual([
      [50, 1, 3],
      [53, 4, 3],
      [56, 7, 1],
    ]);
  });
});

describe("copying clusters", () => {
  test("takes one read and one write for clusters in a row", async () => {
    const { memory, backend } = await fileOf(64);
    const written = await copyClusters(backend, CLUSTER, listOf(row(40, 5, 20)), {});
    expect(written).toBe(20 * CLUSTER);
    expect(backend).toMatchObject({ reads: 1, writes: 1, bytesWritten: 20 * CLUSTER });
    expect(firstBytes(memory, 64)).toEqual(
      Array.from({ length: 64 }, (_, index) => (index >= 5 && index < 25 ? index + 35 : index)),
    );
  });

  test("takes as many as there are runs for scattered ones, and a MiB at most at a time", async () => {
    const { backend } = await fileOf(64);
    await copyClusters(
      backend,
      CLUSTER,
      listOf([
        [40, 1],
        [42, 2],
        [44, 3],
      ]),
      {},
    );
    expect(backend).toMatchObject({ reads: 3, writes: 3 });
    const { backend: long } = await fileOf(1200);
    await copyClusters(long, CLUSTER, listOf(row(600, 1, 512)), {});
    expect(long).toMatchObject({ reads: 2, writes: 2, bytesWritten: 2 ** 21 });
  });

  test("neither reads nor writes holes that go to holes", async () => {
    const holes = Array.from({ length: 256 }, (_, index) => index).filter((index) => index % 256 >= 16);
    const { memory, backend } = await fileOf(256, holes);
    expect(await copyClusters(backend, CLUSTER, listOf(row(200, 100, 50)), {})).toBe(0);
    expect(backend).toMatchObject({ reads: 0, writes: 0 });
    expect(backend.questions).toBeLessThanOrEqual(2);
    expectBytes(memory.toBytes(100 * CLUSTER, 50 * CLUSTER), new Uint8Array(50 * CLUSTER), "the holes");
  });

  test("makes zero of old bytes that a hole goes to", async () => {
    const { memory, backend } = await fileOf(
      64,
      Array.from({ length: 32 }, (_, index) => 32 + index),
    );
    await copyClusters(backend, CLUSTER, listOf(row(40, 1, 16)), {});
    expect(backend.reads).toBe(0);
    expectBytes(memory.toBytes(CLUSTER, 16 * CLUSTER), new Uint8Array(16 * CLUSTER), "the holes");
    expect(memory.toBytes(17 * CLUSTER, 1)).toEqual(new Uint8Array([17]));
  });

  test("takes the missing part of a short last cluster for zeros", async () => {
    const { memory, backend } = await fileOf(8);
    await memory.resize(7 * CLUSTER + 100);
    await copyClusters(backend, CLUSTER, listOf([[7, 2]]), {});
    const copy = memory.toBytes(2 * CLUSTER, CLUSTER);
    expect([copy[99], copy[100], copy[CLUSTER - 1]]).toEqual([7, 0, 0]);
  });

  test("ends with the reason of its signal", async () => {
    const { backend } = await fileOf(64);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(copyClusters(backend, CLUSTER, listOf([[40, 1]]), { signal })).rejects.toThrow("enough");
    expect(backend.writes).toBe(0);
  });
});
