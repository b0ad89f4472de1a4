import { type Extent, type ExtentBatch, ExtentFlag } from "@qcow/engine";
import { expect, it } from "vitest";
import { ExtentJsonWriter } from "../../src/map/extent-json.js";

type Entry = Omit<Extent, "compressed">;

function batchOf(extents: readonly Entry[]): ExtentBatch {
  const flagsOf = ({ present, zero, data, offset }: Entry): number =>
    (present ? ExtentFlag.present : 0) |
    (zero ? ExtentFlag.zero : 0) |
    (data ? ExtentFlag.data : 0) |
    (offset === undefined ? 0 : ExtentFlag.hasOffset);
  return {
    count: extents.length,
    start: Float64Array.from(extents, ({ start }) => start),
    length: Float64Array.from(extents, ({ length }) => length),
    offset: Float64Array.from(extents, ({ offset }) => offset ?? 0),
    depth: Uint16Array.from(extents, ({ depth }) => depth),
    flags: Uint8Array.from(extents, flagsOf),
  };
}

async function write(...batches: readonly (readonly Entry[])[]): Promise<string> {
  let text = "";
  const writer = new ExtentJsonWriter(async (block) => {
    text += new TextDecoder().decode(block);
  });
  for (const batch of batches) await writer.add(batchOf(batch));
  await writer.end();
  return text;
}

const stored: Entry = {
  start: 0,
  length: 65536,
  depth: 0,
  present: true,
  zero: false,
  data: true,
  offset: 327680,
};

it("lays entries out as qemu-img does, across batches", async () => {
  const hole: Entry = { start: 65536, length: 131072, depth: 0, present: false, zero: true, data: false };
  expect(await write([stored], [hole])).toBe(
    '[{ "start": 0, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true, "offset": 327680},\n' +
      '{ "start": 65536, "length": 131072, "depth": 0, "present": false, "zero": true, "data": false}]\n',
  );
});

it("prints an empty disk as qemu-img does", async () => {
  expect(await write([])).toBe(
    '[{ "start": 0, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]\n',
  );
});

it("gets every digit right", async () => {
  const numbers = [0, 1, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 4_294_967_296];
  const offsets = [...numbers, 10 ** 15 + 7, Number.MAX_SAFE_INTEGER];
  const entries = offsets.map((offset) => ({ ...stored, start: offset, length: offset, depth: 200, offset }));
  expect(JSON.parse(await write(entries))).toEqual(entries);
});

it("hands out bounded blocks, and loses nothing between them", async () => {
  const entries = Array.from({ length: 30_000 }, (_, index) => ({
    ...stored,
    start: index * 65536,
    length: 512 + index,
  }));
  const sizes: number[] = [];
  let text = "";
  const writer = new ExtentJsonWriter(async (block) => {
    sizes.push(block.length);
    text += new TextDecoder().decode(block);
  });
  await writer.add(batchOf(entries));
  await writer.end();
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
  expect(sizes.length).toBeGreaterThan(2);
  expect(JSON.parse(text)).toEqual(entries);
});
