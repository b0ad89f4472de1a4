// The conformance suite of CompressionBackend: round trips, the exact length of the output, and
// streams that are damaged, hostile or padded. Says nothing of speed or of how small results are.

import { isBackendError } from "../backend-error.js";
import type { CompressionBackend, CompressionMethod } from "../compression-backend.js";
import { assert, assertAborts, assertAll, assertBytes, assertRejects } from "./assertions.js";
import { joined, rawZstdFrame, skippableZstdFrame, storedDeflate } from "./known-streams.js";
import { noise, prose, randomNumbers } from "./sample-bytes.js";
import type { TestFunctions } from "./test-functions.js";

export interface CompressionBackendSuite extends TestFunctions {
  /** Heads the tests. */
  readonly name: string;
  readonly open: () => CompressionBackend;
  /** The methods to test; both when absent. */
  readonly methods?: readonly CompressionMethod[] | undefined;
}

type Test = (title: string, body: (backend: CompressionBackend) => Promise<void>) => void;

/** Declares the tests. */
export function runCompressionBackendSuite(suite: CompressionBackendSuite): void {
  const test: Test = (title, body) => suite.it(title, () => body(suite.open()));
  for (const method of suite.methods ?? ["deflate", "zstd"]) {
    suite.describe(`${suite.name}: ${method}`, () => {
      describeRoundTrips(test, method);
      describeWrongLengths(test, method);
      describeDamage(test, method);
      describeCancelled(test, method);
      if (method === "deflate") describeKnownDeflate(test);
      else describeKnownZstd(test);
    });
  }
}

function describeRoundTrips(test: Test, method: CompressionMethod): void {
  for (const size of [1, 512, 4096, 65_536, 2 * 1024 * 1024]) {
    test(`gives back ${size} bytes of noise, of prose and of zeros`, async (backend) => {
      for (const bytes of [noise(size), prose(size), new Uint8Array(size)]) {
        const target = new Uint8Array(size).fill(0xee);
        await backend.decompress(method, await backend.compress(method, bytes), target);
        assertBytes(target, bytes, "output");
      }
    });
  }

  test("makes prose smaller, at any level that it is given", async (backend) => {
    for (const level of [undefined, 1, 9]) {
      const stream = await backend.compress(method, prose(65_536), { level });
      assert(stream.length < 40_000, `${stream.length} bytes at level ${level}`);
      const target = new Uint8Array(65_536);
      await backend.decompress(method, stream, target);
      assertBytes(target, prose(65_536), "output");
    }
  });

  test("does not care about padding after the stream's end, be it zeros or not", async (backend) => {
    const stream = await backend.compress(method, prose(10_000));
    for (const padding of [new Uint8Array(511), noise(511), noise(1), noise(100_000)]) {
      const target = new Uint8Array(10_000);
      await backend.decompress(method, joined(stream, padding), target);
      assertBytes(target, prose(10_000), `output with ${padding.length} bytes of padding`);
    }
  });

  test("reads and writes only the views that it is given, and leaves the source alone", async (backend) => {
    const stream = await backend.compress(method, prose(5000));
    const source = joined(noise(100, 3), stream);
    const buffer = new Uint8Array(5200).fill(0xee);
    await backend.decompress(method, source.subarray(100), buffer.subarray(100, 5100));
    assertAll(buffer.subarray(0, 100), 0xee, "before the target");
    assertBytes(buffer.subarray(100, 5100), prose(5000), "the target");
    assertAll(buffer.subarray(5100), 0xee, "after the target");
    assertBytes(source.subarray(100), stream, "the source");
  });

  test("works on many streams at the same time", async (backend) => {
    const seeds = Array.from({ length: 24 }, (_, index) => index + 1);
    const streams = await Promise.all(seeds.map((seed) => backend.compress(method, prose(65_536, seed))));
    const targets = streams.map(() => new Uint8Array(65_536));
    await Promise.all(
      targets.map((target, at) => backend.decompress(method, elementAt(streams, at), target)),
    );
    targets.forEach((target, at) => {
      assertBytes(target, prose(65_536, at + 1), `output ${at}`);
    });
  });
}

function describeWrongLengths(test: Test, method: CompressionMethod): void {
  test("rejects a stream that yields less or more than the target holds", async (backend) => {
    const stream = await backend.compress(method, prose(65_536));
    for (const length of [0, 1, 512, 65_535, 65_537, 131_072]) {
      const decompress = () => backend.decompress(method, stream, new Uint8Array(length));
      await assertRejects(decompress, "BACKEND_BAD_STREAM", `${length} bytes`);
    }
  });

  test("rejects a stream that would expand a thousandfold", async (backend) => {
    const bomb = await backend.compress(method, new Uint8Array(16 * 1024 * 1024));
    const decompress = () => backend.decompress(method, bomb, new Uint8Array(512));
    await assertRejects(decompress, "BACKEND_BAD_STREAM", "bomb");
  });

  test("rejects a stream that is cut off anywhere before its end", async (backend) => {
    const stream = await backend.compress(method, prose(20_000));
    for (const share of [0, 0.1, 0.5, 0.9]) {
      const cut = stream.subarray(0, Math.floor(stream.length * share));
      const decompress = () => backend.decompress(method, cut, new Uint8Array(20_000));
      await assertRejects(decompress, "BACKEND_BAD_STREAM", `cut to ${cut.length} bytes`);
    }
  });
}

function describeDamage(test: Test, method: CompressionMethod): void {
  test("rejects nothing at all, zeros, and noise", async (backend) => {
    for (const source of [
      new Uint8Array(0),
      new Uint8Array(600),
      noise(600),
      noise(600, 2).fill(0xff, 0, 4),
    ]) {
      const decompress = () => backend.decompress(method, source, new Uint8Array(4096));
      await assertRejects(decompress, "BACKEND_BAD_STREAM", `${source.length} bytes`);
    }
  });

  test("either decodes or rejects a stream with a flipped bit, and then goes on working", async (backend) => {
    const stream = await backend.compress(method, prose(4096));
    const next = randomNumbers(11);
    for (let round = 0; round < 200; round += 1) {
      const damaged = stream.slice();
      const at = next() % damaged.length;
      damaged[at] = elementAt(damaged, at) ^ (1 << (next() % 8));
      await backend.decompress(method, damaged, new Uint8Array(4096)).catch((error: unknown) => {
        assert(isBackendError(error, "BACKEND_BAD_STREAM"), `byte ${at}: ${String(error)}`);
      });
    }
    const target = new Uint8Array(4096);
    await backend.decompress(method, stream, target);
    assertBytes(target, prose(4096), "output of the undamaged stream");
  });
}

function describeCancelled(test: Test, method: CompressionMethod): void {
  test("rejects with the signal's reason when it was cancelled before", async (backend) => {
    const reason = new Error("not wanted any more");
    const options = { signal: AbortSignal.abort(reason) };
    const stream = await backend.compress(method, prose(100));
    await assertAborts(() => backend.compress(method, prose(100), options), reason, "compress");
    const decompress = () => backend.decompress(method, stream, new Uint8Array(100), options);
    await assertAborts(decompress, reason, "decompress");
  });
}

function describeKnownDeflate(test: Test): void {
  test("decodes a stored block that was written by hand", async (backend) => {
    const target = new Uint8Array(1000);
    await backend.decompress("deflate", storedDeflate(noise(1000)), target);
    assertBytes(target, noise(1000), "output");
  });

  test("rejects a zlib wrapper, a reserved block type, and a distance before the start", async (backend) => {
    const wrapped = joined(Uint8Array.of(0x78, 0xda), storedDeflate(noise(100)));
    const reserved = Uint8Array.of(0x07, 0, 0, 0, 0);
    // A block of fixed codes that starts with a match: there is nothing yet that it could copy.
    const far = Uint8Array.of(0x03, 0x02, 0, 0, 0);
    for (const source of [wrapped, reserved, far]) {
      const decompress = () => backend.decompress("deflate", source, new Uint8Array(100));
      await assertRejects(decompress, "BACKEND_BAD_STREAM", `${source.subarray(0, 3)}`);
    }
  });
}

function describeKnownZstd(test: Test): void {
  const accept = (title: string, stream: Uint8Array) => {
    test(`decodes ${title}`, async (backend) => {
      const target = new Uint8Array(1000);
      await backend.decompress("zstd", joined(stream, noise(77, 5)), target);
      assertBytes(target, noise(1000), "output");
    });
  };
  accept("a frame without a content size, as writers that stream make them", rawZstdFrame(noise(1000)));
  accept("a frame with a content size", rawZstdFrame(noise(1000), { contentSize: 1000 }));
  accept("a frame whose window is larger than its content", rawZstdFrame(noise(1000), { window: 11 << 3 }));

  const reject = (title: string, stream: Uint8Array) => {
    test(`rejects ${title}`, async (backend) => {
      const decompress = () => backend.decompress("zstd", stream, new Uint8Array(1000));
      await assertRejects(decompress, "BACKEND_BAD_STREAM", title);
    });
  };
  reject("a window of terabytes", rawZstdFrame(noise(1000), { window: 0xff }));
  reject("a content size of gigabytes", rawZstdFrame(noise(1000), { contentSize: 0xffffffff }));
  reject("a content size that is not the target's", rawZstdFrame(noise(1000), { contentSize: 999 }));
  reject("a frame that yields less, without saying so", rawZstdFrame(noise(999)));
  reject("a frame that yields more, without saying so", rawZstdFrame(noise(1001)));
  reject("a frame that needs a dictionary", rawZstdFrame(noise(1000), { dictionary: 7 }));
  reject("skippable frames only", joined(skippableZstdFrame(10), skippableZstdFrame(0)));
  reject("a skippable frame that is cut off", skippableZstdFrame(100).subarray(0, 50));
}

/** The element at an index that is known to exist. */
function elementAt<T>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  assert(element !== undefined, `nothing at ${index}`);
  return element;
}
