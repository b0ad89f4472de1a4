// The conformance suite of BlockBackend: everything that changes bytes. Runs the suite of the
// readable half first; members that a host may lack are the business of optional-members.ts.

import type { BlockBackend } from "../block-backend.js";
import {
  assertAborts,
  assertAbortsOrResolves,
  assertAll,
  assertBytes,
  assertEqual,
  assertRejects,
} from "./assertions.js";
import {
  bytesOf,
  describeAllocating,
  describeDiscarding,
  describeNextData,
  type Test,
} from "./optional-members.js";
import { BAD_OFFSETS, type ReadableAbilities, runReadableBackendSuite } from "./readable-backend-suite.js";
import { noise } from "./sample-bytes.js";
import type { TestFunctions } from "./test-functions.js";

export interface BlockBackendSuite extends TestFunctions {
  /** Heads the tests. */
  readonly name: string;
  /** Opens a new, empty backend. The suite closes it. */
  readonly open: () => Promise<BlockBackend>;
  readonly supports?: BlockAbilities | undefined;
}

export interface BlockAbilities extends ReadableAbilities {
  /** Holds bytes past 2^40 without taking up the space before them. */
  readonly farOffsets?: boolean | undefined;
  /** Opens once more what `backend`, which was flushed and closed, held. */
  readonly reopen?: ((backend: BlockBackend) => Promise<BlockBackend>) | undefined;
}

/** Declares the tests, those of the readable half included. */
export function runBlockBackendSuite(suite: BlockBackendSuite): void {
  runReadableBackendSuite({ ...suite, open: (contents) => openWith(suite, contents) });
  const test: Test = (title, body) => {
    suite.it(title, async () => {
      const backend = await suite.open();
      try {
        await body(backend);
      } finally {
        await backend.close();
      }
    });
  };
  suite.describe(`${suite.name}: writing`, () => {
    describeWrites(test);
    describeConcurrentWrites(test);
    describeResizing(test);
    describeDiscarding(test);
    describeAllocating(test);
    describeNextData(test);
    describeBadWrites(test);
    describeCancelledWrites(test);
    describeClosedWrites(test);
    if (suite.supports?.farOffsets) describeFarOffsets(test);
    if (suite.supports?.reopen) describeReopening(test, suite.supports.reopen);
  });
}

async function openWith(suite: BlockBackendSuite, contents: Uint8Array): Promise<BlockBackend> {
  const backend = await suite.open();
  await backend.write(0, contents);
  return backend;
}

function describeWrites(test: Test): void {
  test("starts out empty", async (backend) => assertEqual(await backend.size(), 0, "size"));

  test("gives back what was written, and grows to where a write ends", async (backend) => {
    const bytes = noise(70_001);
    await backend.write(0, bytes);
    assertEqual(await backend.size(), 70_001, "size");
    assertBytes(await bytesOf(backend, 0, 70_001), bytes, "contents");
    await backend.write(70_000, noise(2, 9));
    assertEqual(await backend.size(), 70_002, "size after a write across the end");
  });

  test("overwrites in place, without touching the neighbours or the size", async (backend) => {
    await backend.write(0, new Uint8Array(10_000).fill(1));
    await backend.write(4095, new Uint8Array(3).fill(2));
    assertEqual(await backend.size(), 10_000, "size");
    assertAll(await bytesOf(backend, 0, 4095), 1, "before");
    assertAll(await bytesOf(backend, 4095, 3), 2, "inside");
    assertAll(await bytesOf(backend, 4098, 10_000 - 4098), 1, "after");
  });

  test("reads zeros where a write left a gap", async (backend) => {
    await backend.write(10, noise(10));
    await backend.write(100_000, noise(10));
    assertAll(await bytesOf(backend, 0, 10), 0, "before the first write");
    assertAll(await bytesOf(backend, 20, 99_980), 0, "the gap");
  });

  test("writes nothing, and does not grow, for an empty source", async (backend) => {
    await backend.write(0, new Uint8Array(0));
    await backend.write(5000, new Uint8Array(0));
    assertEqual(await backend.size(), 0, "size");
  });

  test("writes only the part of a buffer that the source is a view of", async (backend) => {
    const buffer = noise(300);
    await backend.write(0, buffer.subarray(100, 200));
    assertEqual(await backend.size(), 100, "size");
    assertBytes(await bytesOf(backend, 0, 100), buffer.subarray(100, 200), "contents");
  });

  test("keeps no hold of the caller's buffer, and leaves it as it was", async (backend) => {
    const source = noise(10_000);
    await backend.write(0, source);
    assertBytes(source, noise(10_000), "the source after writing");
    source.fill(0xaa);
    assertBytes(await bytesOf(backend, 0, 10_000), noise(10_000), "contents");
    (await bytesOf(backend, 0, 10_000)).fill(0xbb);
    assertBytes(
      await bytesOf(backend, 0, 10_000),
      noise(10_000),
      "contents after scribbling on what was read",
    );
  });

  test("flushes, whether or not there is anything to flush", async (backend) => {
    await backend.flush();
    await backend.write(0, noise(1000));
    await Promise.all([backend.flush(), backend.flush()]);
    assertBytes(await bytesOf(backend, 0, 1000), noise(1000), "contents");
  });
}

function describeConcurrentWrites(test: Test): void {
  test("takes writes to different ranges at the same time, in any order", async (backend) => {
    const pieces = Array.from({ length: 50 }, (_, index) => (index * 17) % 50);
    await Promise.all(pieces.map((piece) => backend.write(piece * 3000, noise(3000, piece + 1))));
    assertEqual(await backend.size(), 150_000, "size");
    for (const piece of pieces) {
      assertBytes(await bytesOf(backend, piece * 3000, 3000), noise(3000, piece + 1), `piece ${piece}`);
    }
  });

  test("reads one range while it writes others", async (backend) => {
    await backend.write(0, noise(50_000));
    const writes = Array.from({ length: 20 }, (_, index) => backend.write(50_000 + index * 100, noise(100)));
    const reads = Array.from({ length: 20 }, (_, index) => bytesOf(backend, index * 100, 40_000));
    const [results] = await Promise.all([Promise.all(reads), Promise.all(writes)]);
    results.forEach((bytes, index) => {
      assertBytes(bytes, noise(50_000).subarray(index * 100, index * 100 + 40_000), `read ${index}`);
    });
  });

  test("leaves every byte of overlapping writes from one of them", async (backend) => {
    const writes = [1, 2, 3, 4].map((value) => backend.write(0, new Uint8Array(20_000).fill(value)));
    await Promise.all(writes);
    const strange = (await bytesOf(backend, 0, 20_000)).findIndex((byte) => byte < 1 || byte > 4);
    assertEqual(strange, -1, "position of a byte that nobody wrote");
  });
}

function describeResizing(test: Test): void {
  test("grows with zeros", async (backend) => {
    await backend.write(0, noise(1000));
    await backend.resize(100_000);
    assertEqual(await backend.size(), 100_000, "size");
    assertBytes(await bytesOf(backend, 0, 1000), noise(1000), "what was there");
    assertAll(await bytesOf(backend, 1000, 99_000), 0, "what is new");
  });

  test("cuts when it shrinks; what was cut off does not come back", async (backend) => {
    await backend.write(0, noise(20_000));
    await backend.resize(5001);
    assertEqual(await backend.size(), 5001, "size");
    assertBytes(await bytesOf(backend, 0, 5001), noise(20_000).subarray(0, 5001), "what is left");
    await backend.resize(20_000);
    assertAll(await bytesOf(backend, 5001, 14_999), 0, "what grew again");
  });

  test("shrinks to nothing and stays usable; resizing to the present size changes nothing", async (backend) => {
    await backend.write(0, noise(100));
    await backend.resize(100);
    assertBytes(await bytesOf(backend, 0, 100), noise(100), "contents");
    await backend.resize(0);
    assertEqual(await backend.size(), 0, "size");
    await backend.write(0, noise(50, 3));
    assertBytes(await bytesOf(backend, 0, 50), noise(50, 3), "contents written afterwards");
  });
}

function describeBadWrites(test: Test): void {
  test("rejects offsets and sizes that are none, and changes nothing", async (backend) => {
    await backend.write(0, noise(100));
    for (const bad of BAD_OFFSETS) {
      await assertRejects(() => backend.write(bad, noise(16)), "BACKEND_BAD_RANGE", `write at ${bad}`);
      await assertRejects(() => backend.resize(bad), "BACKEND_BAD_RANGE", `resize to ${bad}`);
    }
    const across = () => backend.write(Number.MAX_SAFE_INTEGER - 1, noise(16));
    await assertRejects(across, "BACKEND_BAD_RANGE", "write across 2^53");
    assertBytes(await bytesOf(backend, 0, 100), noise(100), "contents");
    assertEqual(await backend.size(), 100, "size");
  });
}

function describeCancelledWrites(test: Test): void {
  test("rejects with the signal's reason when it was cancelled before, and changes nothing", async (backend) => {
    await backend.write(0, noise(100));
    const reason = new Error("not wanted any more");
    const options = { signal: AbortSignal.abort(reason) };
    await assertAborts(() => backend.write(0, noise(200, 5), options), reason, "write");
    await assertAborts(() => backend.resize(7, options), reason, "resize");
    await assertAborts(() => backend.flush(options), reason, "flush");
    assertEqual(await backend.size(), 100, "size");
    assertBytes(await bytesOf(backend, 0, 100), noise(100), "contents");
  });

  test("settles when it is cancelled on the way, and can be used after that", async (backend) => {
    const controller = new AbortController();
    const reason = new Error("not wanted any more");
    const write = backend.write(0, noise(100_000), { signal: controller.signal });
    const flush = backend.flush({ signal: controller.signal });
    controller.abort(reason);
    await assertAbortsOrResolves(() => write, reason, "write");
    await assertAbortsOrResolves(() => flush, reason, "flush");
    await backend.write(0, noise(1000, 5));
    assertBytes(await bytesOf(backend, 0, 1000), noise(1000, 5), "contents");
  });
}

function describeClosedWrites(test: Test): void {
  test("rejects everything that writes after it was closed", async (backend) => {
    await backend.write(0, noise(100));
    await backend.close();
    await assertRejects(() => backend.write(0, noise(1)), "BACKEND_CLOSED", "write");
    await assertRejects(() => backend.resize(1), "BACKEND_CLOSED", "resize");
    await assertRejects(() => backend.flush(), "BACKEND_CLOSED", "flush");
  });
}

function describeFarOffsets(test: Test): void {
  test("holds bytes on both sides of 2^32 and past 2^40", async (backend) => {
    const offsets = [2 ** 31 - 5, 2 ** 32 - 5, 2 ** 32 + 4096, 2 ** 40 + 12_345];
    for (const [index, offset] of offsets.entries()) await backend.write(offset, noise(10, index + 1));
    for (const [index, offset] of offsets.entries()) {
      assertBytes(await bytesOf(backend, offset, 10), noise(10, index + 1), `bytes at ${offset}`);
    }
    assertAll(await bytesOf(backend, 2 ** 36, 4096), 0, "the hole");
    assertAll(await bytesOf(backend, 0, 10), 0, "the start");
    assertEqual(await backend.size(), 2 ** 40 + 12_355, "size");
    await backend.resize(2 ** 32);
    assertBytes(await bytesOf(backend, 2 ** 32 - 5, 5), noise(10, 2).subarray(0, 5), "bytes before the cut");
  });
}

function describeReopening(test: Test, reopen: (backend: BlockBackend) => Promise<BlockBackend>): void {
  test("has kept everything when it is opened again, under the same identity", async (backend) => {
    await backend.write(1000, noise(50_000));
    await backend.resize(100_000);
    await backend.flush();
    const { identity } = backend;
    await backend.close();
    const again = await reopen(backend);
    try {
      assertEqual(again.identity, identity, "identity");
      assertEqual(await again.size(), 100_000, "size");
      assertBytes(await bytesOf(again, 1000, 50_000), noise(50_000), "contents");
      assertAll(await bytesOf(again, 51_000, 49_000), 0, "the rest");
    } finally {
      await again.close();
    }
  });
}
