// The part of the conformance suite that is about members a host may lack: discard, allocate, nextData.
// Each test passes without a look where the member is absent.

import type { BlockBackend, DataRange } from "../block-backend.js";
import { assert, assertAborts, assertAll, assertBytes, assertEqual, assertRejects } from "./assertions.js";
import { BAD_OFFSETS } from "./readable-backend-suite.js";
import { noise } from "./sample-bytes.js";

/** Declares one test on a new, empty backend. */
export type Test = (title: string, body: (backend: BlockBackend) => Promise<void>) => void;

/** The bytes of a range. */
export async function bytesOf(backend: BlockBackend, offset: number, length: number): Promise<Uint8Array> {
  const target = new Uint8Array(length).fill(0xee);
  await backend.read(offset, target);
  return target;
}

/** Tests of `discard`. */
export function describeDiscarding(test: Test): void {
  test("if it can discard: the range reads zero, the rest and the size stay", async (backend) => {
    if (backend.discard === undefined) return;
    await backend.write(0, noise(200_000));
    await backend.discard(1000, 150_000);
    assertEqual(await backend.size(), 200_000, "size");
    assertBytes(await bytesOf(backend, 0, 1000), noise(1000), "before");
    assertAll(await bytesOf(backend, 1000, 150_000), 0, "inside");
    assertBytes(await bytesOf(backend, 151_000, 49_000), noise(200_000).subarray(151_000), "after");
  });

  test("if it can discard: an empty range, and one past the end, change nothing", async (backend) => {
    if (backend.discard === undefined) return;
    await backend.write(0, noise(5000));
    await backend.discard(100, 0);
    await backend.discard(5000, 100_000);
    await backend.discard(2 ** 40, 2 ** 40);
    assertEqual(await backend.size(), 5000, "size");
    assertBytes(await bytesOf(backend, 0, 5000), noise(5000), "contents");
  });

  test("if it can discard: a range that crosses the end is discarded up to there", async (backend) => {
    if (backend.discard === undefined) return;
    await backend.write(0, noise(5000));
    await backend.discard(4000, Number.MAX_SAFE_INTEGER - 4000);
    assertEqual(await backend.size(), 5000, "size");
    assertBytes(await bytesOf(backend, 0, 4000), noise(4000), "before");
    assertAll(await bytesOf(backend, 4000, 1000), 0, "inside");
  });

  describeMisuse(test, "discard", (backend) => backend.discard?.bind(backend));
}

/** Tests of `allocate`. */
export function describeAllocating(test: Test): void {
  test("if it can allocate: what is there stays, and it grows to the end of the range", async (backend) => {
    if (backend.allocate === undefined) return;
    await backend.write(0, noise(5000));
    await backend.allocate(1000, 2000);
    assertEqual(await backend.size(), 5000, "size after a range inside");
    await backend.allocate(4000, 100_001);
    assertEqual(await backend.size(), 104_001, "size after a range across the end");
    assertBytes(await bytesOf(backend, 0, 5000), noise(5000), "what was there");
    assertAll(await bytesOf(backend, 5000, 99_001), 0, "what is new");
    await backend.write(50_000, noise(1000));
    assertBytes(await bytesOf(backend, 50_000, 1000), noise(1000), "what was written there");
  });

  test("if it can allocate: an empty range changes nothing", async (backend) => {
    if (backend.allocate === undefined) return;
    await backend.write(0, noise(100));
    for (const offset of [0, 50, 100, 5000]) await backend.allocate(offset, 0);
    assertEqual(await backend.size(), 100, "size");
    assertBytes(await bytesOf(backend, 0, 100), noise(100), "contents");
  });

  describeMisuse(test, "allocate", (backend) => backend.allocate?.bind(backend));
}

/** Tests of `nextData`, on a backend that can be written. */
export function describeNextData(test: Test): void {
  test("if it tells where data is: everything outside reads zero", async (backend) => {
    if (backend.nextData === undefined) return;
    for (const offset of [0, 300_000, 700_001]) await backend.write(offset, noise(10_000, offset));
    await backend.resize(1_000_000);
    await assertZeroOutside(backend, await rangesOf(backend));
  });

  test("if it tells where data is: a range starts at the offset when that holds data", async (backend) => {
    if (backend.nextData === undefined) return;
    await backend.resize(1_000_000);
    await backend.write(500_000, noise(1000));
    for (const offset of [500_000, 500_001, 500_999]) {
      const range = await backend.nextData(offset);
      assertEqual(range?.start, offset, `start from ${offset} on`);
      assert((range?.end ?? 0) >= 501_000, `the range from ${offset} on leaves out what was written`);
    }
    const before = await backend.nextData(10);
    assert(before !== undefined && before.start <= 500_000, "the only data was not found");
  });

  test("if it tells where data is: none while it is empty, and none from the end on", async (backend) => {
    if (backend.nextData === undefined) return;
    assertEqual(await backend.nextData(0), undefined, "in an empty backend");
    await backend.write(0, noise(5000));
    for (const offset of [5000, 5001, 2 ** 40]) {
      assertEqual(await backend.nextData(offset), undefined, `from ${offset} on`);
    }
    assertEqual((await backend.nextData(4999))?.end, 5000, "end of the last range");
  });

  test("if it tells where data is: it knows of what was just written", async (backend) => {
    if (backend.nextData === undefined) return;
    await backend.resize(3_000_000);
    for (const offset of [2_000_000, 1_000_000, 0]) {
      await backend.write(offset, noise(4096));
      assertEqual((await backend.nextData(offset))?.start, offset, `start after a write at ${offset}`);
    }
  });
}

/** Offsets and lengths that are none, cancelling, and use after close. */
function describeMisuse(
  test: Test,
  name: string,
  member: (backend: BlockBackend) => BlockBackend["discard"],
): void {
  test(`if it can ${name}: rejects ranges that are none, and cancelled ones, and changes nothing`, async (backend) => {
    const change = member(backend);
    if (change === undefined) return;
    await backend.write(0, noise(100));
    for (const bad of BAD_OFFSETS) {
      await assertRejects(() => change(bad, 16), "BACKEND_BAD_RANGE", `${name} at ${bad}`);
      await assertRejects(() => change(0, bad), "BACKEND_BAD_RANGE", `${name} of ${bad}`);
    }
    const reason = new Error("not wanted any more");
    await assertAborts(() => change(0, 200, { signal: AbortSignal.abort(reason) }), reason, name);
    assertEqual(await backend.size(), 100, "size");
    assertBytes(await bytesOf(backend, 0, 100), noise(100), "contents");
    await backend.close();
    await assertRejects(() => change(0, 1), "BACKEND_CLOSED", name);
  });
}

/** All ranges that hold data, which must ascend and lie inside. */
async function rangesOf(backend: Pick<BlockBackend, "nextData" | "size">): Promise<DataRange[]> {
  const size = await backend.size();
  const ranges: DataRange[] = [];
  for (let offset = 0; offset < size; ) {
    const range = await backend.nextData?.(offset);
    if (range === undefined) break;
    const where = `${range.start} to ${range.end}, asked from ${offset} on`;
    assert(range.start >= offset && range.end > range.start && range.end <= size, `no range: ${where}`);
    ranges.push(range);
    offset = range.end;
  }
  return ranges;
}

async function assertZeroOutside(backend: BlockBackend, ranges: readonly DataRange[]): Promise<void> {
  const bytes = await bytesOf(backend, 0, await backend.size());
  for (const { start, end } of ranges) bytes.fill(0, start, end);
  assertAll(bytes, 0, "outside of every range");
}
