// The suites are only worth something if broken implementations fail them: each mutant below breaks
// one promise, and the suite must say so.

import type {
  BlockBackend,
  CompressionBackend,
  CompressionMethod,
  DataRange,
  IoOptions,
  TimeBackend,
} from "@qcow/block";
import {
  runBlockBackendSuite,
  runCompressionBackendSuite,
  runTimeBackendSuite,
  type TestFunctions,
} from "@qcow/block/testing";
import { expect, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

/** Runs the tests that `declare` declares, and gives the titles of those that fail. */
async function failuresOf(declare: (runner: TestFunctions) => void): Promise<string[]> {
  const tests: { title: string; body: () => Promise<void> }[] = [];
  declare({
    describe: (_name, body) => body(),
    it: (title, body) => tests.push({ title, body }),
  });
  const failures: string[] = [];
  for (const { title, body } of tests) {
    await body().catch(() => failures.push(title));
  }
  return failures;
}

const failuresOfBackend = (open: () => BlockBackend) =>
  failuresOf((runner) => runBlockBackendSuite({ ...runner, name: "mutant", open: async () => open() }));

class PadsSilently extends ArrayBackend {
  override async read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    this.enter(offset, target.length, options);
    target.fill(0).set(this.bytes.subarray(offset, offset + target.length));
  }
}

class ReadsShort extends ArrayBackend {
  override read(offset: number, target: Uint8Array, options?: IoOptions): Promise<void> {
    return super.read(offset, target.subarray(0, 4096), options);
  }
}

class KeepsTheBuffer extends ArrayBackend {
  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    await super.write(offset, source, options);
    if (offset === 0 && source.length === this.bytes.length) this.bytes = source as Uint8Array<ArrayBuffer>;
  }
}

class GrowsForNothing extends ArrayBackend {
  override async write(offset: number, source: Uint8Array, options?: IoOptions): Promise<void> {
    await super.write(offset, source, options);
    if (source.length === 0) this.setLength(Math.max(this.bytes.length, offset));
  }
}

class RemembersWhatWasCut extends ArrayBackend {
  #cut = new Uint8Array(0);

  override setLength(length: number): void {
    const before = this.bytes;
    super.setLength(length);
    if (length < before.length) this.#cut = before;
    else this.bytes.set(this.#cut.subarray(before.length, length), before.length);
  }
}

class IgnoresRanges extends ArrayBackend {
  override enter(_offset: number, _length: number, options: IoOptions | undefined): void {
    super.enter(0, 0, options);
  }
}

class IgnoresSignals extends ArrayBackend {
  override enter(offset: number, length: number): void {
    super.enter(offset, length, undefined);
  }
}

class StaysOpen extends ArrayBackend {
  override async close(): Promise<void> {}
}

class DiscardsTooMuch extends ArrayBackend {
  override discard(offset: number, length: number, options?: IoOptions): Promise<void> {
    const start = Math.max(offset - (offset % 4096), 0);
    return super.discard(start, length + offset - start, options);
  }
}

class AllocatesNothing extends ArrayBackend {
  override async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    this.enter(offset, length, options);
  }
}

class AllocatesZeros extends ArrayBackend {
  override async allocate(offset: number, length: number, options?: IoOptions): Promise<void> {
    await super.allocate(offset, length, options);
    this.bytes.fill(0, offset, offset + length);
  }
}

class MissesData extends ArrayBackend {
  override async nextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    const range = await super.nextData(offset, options);
    return range && { ...range, start: range.start + 1, end: range.end + 1 };
  }
}

class SeesDataPastTheEnd extends ArrayBackend {
  override async nextData(offset: number, options?: IoOptions): Promise<DataRange | undefined> {
    const range = await super.nextData(offset, options);
    return offset < this.bytes.length ? range : { start: offset, end: offset + 1 };
  }
}

it.each([
  ["pads", PadsSilently, "rejects a read that goes past the end, by one byte or by much"],
  ["fills only a part", ReadsShort, "fills the target with exactly the bytes from the offset on"],
  ["keeps the buffer", KeepsTheBuffer, "keeps no hold of the caller's buffer, and leaves it as it was"],
  ["grows for nothing", GrowsForNothing, "writes nothing, and does not grow, for an empty source"],
  ["remembers", RemembersWhatWasCut, "cuts when it shrinks; what was cut off does not come back"],
  ["ignores ranges", IgnoresRanges, "rejects offsets that are none, and ranges that end past 2^53"],
  [
    "ignores signals",
    IgnoresSignals,
    "rejects with the signal's reason when it was cancelled before, and changes nothing",
  ],
  ["stays open", StaysOpen, "rejects everything that writes after it was closed"],
  [
    "discards too much",
    DiscardsTooMuch,
    "if it can discard: the range reads zero, the rest and the size stay",
  ],
  [
    "allocates nothing",
    AllocatesNothing,
    "if it can allocate: what is there stays, and it grows to the end of the range",
  ],
  [
    "allocates zeros",
    AllocatesZeros,
    "if it can allocate: what is there stays, and it grows to the end of the range",
  ],
  ["misses data", MissesData, "if it tells where data is: everything outside reads zero"],
  ["misses data, when read", MissesData, "if it tells where data is: leaves out no byte that is not zero"],
  [
    "sees data past the end",
    SeesDataPastTheEnd,
    "if it tells where data is: none while it is empty, and none from the end on",
  ],
])("the suite notices a backend that %s", async (_what, Mutant, title) => {
  expect(await failuresOfBackend(() => new Mutant())).toContain(title);
});

it("the suite has nothing against the backend that the mutants are made from", async () => {
  expect(await failuresOfBackend(() => new ArrayBackend())).toEqual([]);
});

it("the suite notices a clock that goes back and never sleeps", async () => {
  let now = 0;
  const clock: TimeBackend = {
    monotonicMs: () => {
      now -= 1;
      return now;
    },
    wallMs: () => Number.NaN,
    sleep: async () => undefined,
  };
  const failures = await failuresOf((runner) =>
    runTimeBackendSuite({ ...runner, name: "mutant", open: () => clock }),
  );
  expect(failures.length).toBeGreaterThanOrEqual(5);
});

it("the suite notices a compression that stores, pads, and believes anything", async () => {
  const stored: CompressionBackend = {
    compress: async (_method: CompressionMethod, source: Uint8Array) => source.slice(),
    decompress: async (_method: CompressionMethod, source: Uint8Array, target: Uint8Array) => {
      target.fill(0).set(source.subarray(0, target.length));
    },
  };
  const failures = await failuresOf((runner) =>
    runCompressionBackendSuite({ ...runner, name: "mutant", open: () => stored }),
  );
  expect(failures).toContain("rejects a stream that yields less or more than the target holds");
  expect(failures).toContain("makes prose smaller, at any level that it is given");
  expect(failures).toContain("rejects a window of terabytes");
});
