// The conformance suite of ReadableBlockBackend. Owns what every backend must do when it is read;
// says nothing of speed; the one member that a host may lack is tested where it is present.

import type { ReadableBlockBackend } from "../block-backend.js";
import {
  assert,
  assertAborts,
  assertAbortsOrResolves,
  assertAll,
  assertBytes,
  assertEqual,
  assertRejects,
} from "./assertions.js";
import { noise, randomNumbers } from "./sample-bytes.js";
import type { TestFunctions } from "./test-functions.js";

export interface ReadableBackendSuite extends TestFunctions {
  /** Heads the tests. */
  readonly name: string;
  /** Opens a new backend that holds exactly `contents`, at most 1 MiB. The suite closes it. */
  readonly open: (contents: Uint8Array) => Promise<ReadableBlockBackend>;
  readonly supports?: ReadableAbilities | undefined;
}

export interface ReadableAbilities {
  /** Reads past the end give zeros instead of `BACKEND_SHORT_READ`: true only of `withPadding`. */
  readonly padding?: boolean | undefined;
}

/** Offsets that are none: negative, broken, past 2^53. */
export const BAD_OFFSETS = [-1, -4096, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)];

type Body = (backend: ReadableBlockBackend, contents: Uint8Array) => Promise<void>;
type Test = (title: string, body: Body, contents?: Uint8Array) => void;

/** Declares the tests; call it where the runner expects `describe`. */
export function runReadableBackendSuite(suite: ReadableBackendSuite): void {
  const test: Test = (title, body, contents = noise(100_003)) => {
    suite.it(title, async () => {
      const backend = await suite.open(contents.slice());
      try {
        await body(backend, contents);
      } finally {
        await backend.close();
      }
    });
  };
  suite.describe(`${suite.name}: reading`, () => {
    describeReads(test);
    describeConcurrentReads(test);
    if (suite.supports?.padding) describePaddedEnd(test);
    else describeStrictEnd(test);
    describeBadReads(test);
    describeCancelledReads(test);
    describeClosing(test);
    describeNextData(test);
  });
}

function describeReads(test: Test): void {
  test("has a label", async (backend) => {
    assert(backend.label.length > 0, "the label is empty");
  });

  test("tells its size in bytes", async (backend, contents) => {
    assertEqual(await backend.size(), contents.length, "size");
  });

  test("fills the target with exactly the bytes from the offset on", async (backend, contents) => {
    const next = randomNumbers(7);
    for (let round = 0; round < 50; round += 1) {
      const offset = next() % contents.length;
      const target = new Uint8Array(1 + (next() % (contents.length - offset)));
      await backend.read(offset, target);
      assertBytes(target, contents.subarray(offset, offset + target.length), `read at ${offset}`);
    }
  });

  test("reads the last byte, and everything at once", async (backend, contents) => {
    const last = new Uint8Array(1);
    await backend.read(contents.length - 1, last);
    assertBytes(last, contents.subarray(-1), "the last byte");
    const all = new Uint8Array(contents.length);
    await backend.read(0, all);
    assertBytes(all, contents, "everything");
  });

  test("touches only the part of a buffer that the target is a view of", async (backend, contents) => {
    const buffer = new Uint8Array(300).fill(0xee);
    await backend.read(1000, buffer.subarray(100, 200));
    assertAll(buffer.subarray(0, 100), 0xee, "before the target");
    assertBytes(buffer.subarray(100, 200), contents.subarray(1000, 1100), "the target");
    assertAll(buffer.subarray(200), 0xee, "after the target");
  });

  test("reads nothing into an empty target, at any offset up to the end", async (backend, contents) => {
    for (const offset of [0, 1, contents.length]) await backend.read(offset, new Uint8Array(0));
  });

  test("may be empty", async (backend) => assertEqual(await backend.size(), 0, "size"), new Uint8Array(0));
}

function describeConcurrentReads(test: Test): void {
  test("serves overlapping reads at the same time", async (backend, contents) => {
    const targets = Array.from({ length: 64 }, () => new Uint8Array(20_000));
    await Promise.all(targets.map((target, index) => backend.read(index * 1000, target)));
    targets.forEach((target, index) => {
      assertBytes(target, contents.subarray(index * 1000, index * 1000 + 20_000), `read ${index}`);
    });
  });

  test("goes on after a read that failed among others", async (backend, contents) => {
    const good = new Uint8Array(5000);
    const bad = backend.read(-1, new Uint8Array(10)).catch(() => undefined);
    await Promise.all([backend.read(500, good), bad]);
    assertBytes(good, contents.subarray(500, 5500), "the good read");
  });
}

function describeStrictEnd(test: Test): void {
  test("rejects a read that goes past the end, by one byte or by much", async (backend, contents) => {
    const end = contents.length;
    for (const [offset, length] of [
      [end - 1, 2],
      [end, 1],
      [0, end + 1],
      [end + 1, 1],
      [end + 100_000, 4096],
      [2 ** 32 + 1, 512],
      [2 ** 40, 512],
    ] as const) {
      const read = () => backend.read(offset, new Uint8Array(length));
      await assertRejects(read, "BACKEND_SHORT_READ", `${length} bytes at ${offset}`);
    }
  });

  const read = (backend: ReadableBlockBackend) => () => backend.read(0, new Uint8Array(1));
  test(
    "rejects any read while it is empty",
    (backend) => assertRejects(read(backend), "BACKEND_SHORT_READ", "read"),
    new Uint8Array(0),
  );
}

function describePaddedEnd(test: Test): void {
  test("gives zeros past the end", async (backend, contents) => {
    const end = contents.length;
    for (const offset of [end - 100, end - 1, end, end + 1, end + 100_000, 2 ** 32 + 1, 2 ** 40]) {
      const target = new Uint8Array(200).fill(0xee);
      await backend.read(offset, target);
      const present = Math.max(Math.min(end - offset, 200), 0);
      const expected = contents.subarray(Math.min(offset, end), Math.min(offset, end) + present);
      assertBytes(target.subarray(0, present), expected, `present bytes at ${offset}`);
      assertAll(target.subarray(present), 0, `bytes past the end at ${offset}`);
    }
  });
}

function describeBadReads(test: Test): void {
  test("rejects offsets that are none, and ranges that end past 2^53", async (backend) => {
    for (const offset of BAD_OFFSETS) {
      const read = () => backend.read(offset, new Uint8Array(16));
      await assertRejects(read, "BACKEND_BAD_RANGE", `read at ${offset}`);
    }
    const pastTheLimit = () => backend.read(Number.MAX_SAFE_INTEGER - 1, new Uint8Array(16));
    await assertRejects(pastTheLimit, "BACKEND_BAD_RANGE", "read across 2^53");
  });
}

function describeCancelledReads(test: Test): void {
  test("rejects with the signal's reason when it was cancelled before", async (backend) => {
    const reason = new Error("not wanted any more");
    const options = { signal: AbortSignal.abort(reason) };
    await assertAborts(() => backend.read(0, new Uint8Array(16), options), reason, "read");
    await assertAborts(() => backend.size(options), reason, "size");
  });

  test("settles when it is cancelled on the way, and can be used after that", async (backend, contents) => {
    const controller = new AbortController();
    const reason = new Error("not wanted any more");
    const reads = Array.from({ length: 8 }, () =>
      backend.read(0, new Uint8Array(50_000), { signal: controller.signal }),
    );
    controller.abort(reason);
    await Promise.all(reads.map((read) => assertAbortsOrResolves(() => read, reason, "read")));
    const target = new Uint8Array(100);
    await backend.read(50, target);
    assertBytes(target, contents.subarray(50, 150), "read after the cancelled ones");
  });
}

function describeClosing(test: Test): void {
  test("rejects everything after it was closed; closing again does nothing", async (backend) => {
    await backend.close();
    await backend.close();
    await assertRejects(() => backend.read(0, new Uint8Array(16)), "BACKEND_CLOSED", "read");
    await assertRejects(() => backend.size(), "BACKEND_CLOSED", "size");
  });

  test("closes while reads are under way: each fills its target or rejects", async (backend, contents) => {
    const targets = Array.from({ length: 16 }, () => new Uint8Array(5000));
    const reads = targets.map((target, index) =>
      backend.read(index, target).then(
        () => assertBytes(target, contents.subarray(index, index + 5000), `read ${index}`),
        (error: unknown) => assertRejects(() => Promise.reject(error), "BACKEND_CLOSED", `read ${index}`),
      ),
    );
    await backend.close();
    await Promise.all(reads);
  });

  test("is closed by disposing of it", async (backend) => {
    await backend[Symbol.asyncDispose]();
    await assertRejects(() => backend.size(), "BACKEND_CLOSED", "size");
  });
}

function describeNextData(test: Test): void {
  test("if it tells where data is: leaves out no byte that is not zero", async (backend, contents) => {
    if (backend.nextData === undefined) return;
    for (let offset = 0; offset < contents.length; ) {
      const range = await backend.nextData(offset);
      assertEqual(range?.start, offset, `start from ${offset} on`);
      assert(range !== undefined && range.end > offset && range.end <= contents.length, "no range");
      offset = range.end;
    }
    assertEqual(await backend.nextData(contents.length), undefined, "from the end on");
  });

  test("if it tells where data is: rejects offsets that are none, cancelled and closed use", async (backend) => {
    const nextData = backend.nextData?.bind(backend);
    if (nextData === undefined) return;
    for (const bad of BAD_OFFSETS) {
      await assertRejects(() => nextData(bad), "BACKEND_BAD_RANGE", `nextData at ${bad}`);
    }
    const reason = new Error("not wanted any more");
    await assertAborts(() => nextData(0, { signal: AbortSignal.abort(reason) }), reason, "nextData");
    await backend.close();
    await assertRejects(() => nextData(0), "BACKEND_CLOSED", "nextData");
  });
}
