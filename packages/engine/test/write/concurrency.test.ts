// Many operations at once on a disk that ends them in any order: every sector reads as something that was written to it
// and not overwritten before, every flush keeps what it should, and the image is clean in the end.

import { CrashingBackend, MemoryBackend } from "@qcow/backend-memory";
import { describe, expect, test } from "vitest";
import { createImage, isEngineError, type Qcow2Image } from "../../src/index.js";
import { ImageBuilder } from "../image-builder.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { Shuffle, settle } from "./gates.js";
import { expectClean, openReader, openWritable } from "./open-writable.js";

const UNIT = 512;

interface Done {
  readonly value: number;
  readonly start: number;
  readonly end: number;
  /** It was acknowledged; otherwise it may have taken effect in part. */
  readonly certain: boolean;
}

/** Who wrote what to each sector and when, by a clock that ticks with every event. */
class History {
  #now = 0;
  readonly #done: Done[][];
  readonly underWay: Map<number, number>[];

  constructor(units: number, value: (unit: number) => number) {
    this.#done = Array.from({ length: units }, (_, unit) => [
      { value: value(unit), start: -1, end: -1, certain: true },
    ]);
    this.underWay = Array.from({ length: units }, () => new Map());
  }

  tick(): number {
    return ++this.#now;
  }

  async change(first: number, count: number, value: number, job: () => Promise<void>): Promise<void> {
    const start = this.tick();
    for (let unit = first; unit < first + count; unit++) this.underWay[unit]?.set(start, value);
    let certain = false;
    try {
      await job();
      certain = true;
    } finally {
      const end = this.tick();
      for (let unit = first; unit < first + count; unit++) {
        this.underWay[unit]?.delete(start);
        this.#done[unit]?.push({ value, start, end, certain });
      }
    }
  }

  /** Values that `unit` may have when it is read from `start` to `end`. */
  possible(unit: number, start: number, end: number): Set<number> {
    const done = this.#done[unit] as Done[];
    const values = new Set<number>();
    for (const one of done) {
      if (one.start > end) continue;
      if (done.some((other) => other.certain && other.start > one.end && other.end < start)) continue;
      values.add(one.value);
    }
    for (const [began, value] of this.underWay[unit] as Map<number, number>)
      if (began < end) values.add(value);
    return values;
  }
}

interface Stress {
  readonly random: Random;
  readonly image: Qcow2Image;
  readonly history: History;
  readonly clusterUnits: number;
  readonly units: number;
  value: number;
}

function place({ random, units, clusterUnits }: Stress): [number, number] {
  const count = random.pick([1, 2, clusterUnits, random.between(1, 6 * clusterUnits)]);
  const hot = random.chance(0.6) ? Math.min(units, 8 * clusterUnits) : units;
  const first = random.below(hot);
  return [first, Math.min(count, units - first)];
}

function checkRead(history: History, first: number, bytes: Uint8Array, start: number, end: number): void {
  for (let at = 0; at * UNIT < bytes.byteLength; at++) {
    const sector = bytes.subarray(at * UNIT, (at + 1) * UNIT);
    const value = sector[0] as number;
    if (!sector.every((byte) => byte === value)) expect.fail(`sector ${first + at} is torn`);
    const possible = history.possible(first + at, start, end);
    if (!possible.has(value))
      expect.fail(`sector ${first + at} is ${value}, not ${[...possible].join(" or ")}`);
  }
}

async function step(stress: Stress): Promise<void> {
  const { random, image, history, clusterUnits } = stress;
  const [first, count] = place(stress);
  const choice = random.below(20);
  if (choice < 8) {
    stress.value = (stress.value % 250) + 1;
    const bytes = new Uint8Array(count * UNIT).fill(stress.value);
    await history.change(first, count, stress.value, () => image.write(first * UNIT, bytes));
    bytes.fill(0xff);
  } else if (choice < 11) {
    await history.change(first, count, 0, () => image.discard(first * UNIT, count * UNIT));
  } else if (choice < 13) {
    await history.change(first, count, 0, () =>
      image.writeZeroes(first * UNIT, count * UNIT, { unmap: random.chance(0.5) }),
    );
  } else if (choice < 15) {
    const start = first - (first % clusterUnits);
    const length = Math.min(stress.units - start, random.between(1, 3) * clusterUnits);
    stress.value = (stress.value % 250) + 1;
    const bytes = new Uint8Array(length * UNIT).fill(stress.value);
    await history.change(start, length, stress.value, () => image.writeCompressed(start * UNIT, bytes));
  } else if (choice < 18) {
    const bytes = new Uint8Array(count * UNIT).fill(0xfe);
    const start = history.tick();
    await image.read(first * UNIT, bytes);
    checkRead(history, first, bytes, start, history.tick());
  } else await image.flush();
}

interface Built {
  readonly disk: MemoryBackend;
  readonly data?: MemoryBackend;
  readonly clusterSize: number;
  /** Sectors at the start of the disk that are full of `FILLING`. */
  readonly filled: number;
}

const FILLING = 251;

async function build(random: Random): Promise<Built> {
  const clusterSize = 2 ** random.pick([9, 10, 12]);
  const kind = random.below(6);
  if (kind > 3) return await buildWithSnapshot(random, clusterSize);
  const disk = new MemoryBackend();
  const data = new MemoryBackend();
  const lazyRefcounts = random.chance(0.5);
  const extendedL2 = kind === 0 || (kind === 1 && random.chance(0.5));
  const size = extendedL2 ? 40 * 16_384 : 200 * clusterSize;
  await createImage(disk, {
    size,
    clusterSize: extendedL2 ? 16_384 : clusterSize,
    lazyRefcounts,
    extendedL2,
    ...(kind === 1 ? { dataFile: { name: "data", backend: data, raw: random.chance(0.5) } } : {}),
  });
  const built = { disk, clusterSize: extendedL2 ? 16_384 : clusterSize, filled: 0 };
  return kind === 1 ? { ...built, data } : built;
}

async function buildWithSnapshot(random: Random, clusterSize: number): Promise<Built> {
  const clusterBits = Math.log2(clusterSize);
  const size = 200 * clusterSize;
  const builder = new ImageBuilder({ size, clusterBits, refcountOrder: random.between(3, 6) });
  for (let cluster = 0; cluster < 40; cluster++)
    builder.data(cluster, new Uint8Array(clusterSize).fill(FILLING));
  if (random.chance(0.7)) builder.snapshot("1", "one");
  const { backend } = await builder.build();
  return { disk: backend, clusterSize, filled: (40 * clusterSize) / UNIT };
}

/** Cuts the disk and makes it whole again, with time between. */
async function cutAndGrow({ random, image, history, units }: Stress): Promise<void> {
  const first = random.below(units);
  await history.change(first, units - first, 0, () => image.resize(first * UNIT, { allowDataLoss: true }));
  for (let turns = random.below(10); turns > 0; turns--) await settle();
  await history.change(first, units - first, 0, () => image.resize(units * UNIT));
}

async function run(random: Random, resizes = 0): Promise<void> {
  const { disk, data, clusterSize, filled } = await build(random);
  const { hold } = new Shuffle(random);
  const backend = new CrashingBackend(disk, { hold });
  const beside = data === undefined ? {} : { data: new CrashingBackend(data, { hold }) };
  const image = await openWritable(backend, beside, {
    metadataCacheBytes: random.pick([1, 4096, undefined]),
    punchHoles: random.chance(0.7),
  });
  const units = image.virtualSize / UNIT;
  const history = new History(units, (unit) => (unit < filled ? FILLING : 0));
  const stress: Stress = { random, image, history, clusterUnits: clusterSize / UNIT, units, value: 0 };
  const worker = async (): Promise<void> => {
    for (let count = random.between(5, 20); count > 0; count--) {
      await step(stress).catch((error: unknown) => {
        if (resizes === 0 || !isEngineError(error, "QCOW2_OUT_OF_RANGE")) throw error;
      });
    }
  };
  const resizer = async (): Promise<void> => {
    for (let count = 0; count < resizes; count++) await cutAndGrow(stress);
  };
  await Promise.all([resizer(), ...Array.from({ length: random.between(2, 10) }, worker)]);
  const start = history.tick();
  const whole = new Uint8Array(image.virtualSize);
  await image.read(0, whole);
  checkRead(history, 0, whole, start, history.tick());
  await image.close();
  const after = backend.snapshot();
  await expectClean(after);
  const reader = await openReader(after, { data: beside.data?.snapshot() });
  const bytes = new Uint8Array(whole.byteLength);
  await reader.read(0, bytes);
  expect(Buffer.compare(bytes, whole)).toBe(0);
  if (filled > 0) await checkSnapshot(after, filled);
}

async function checkSnapshot(backend: MemoryBackend, filled: number): Promise<void> {
  const reader = await openReader(backend, {}, "1").catch(() => undefined);
  if (reader === undefined) return;
  const bytes = new Uint8Array(filled * UNIT);
  await reader.read(0, bytes);
  expect(bytes.every((byte) => byte === FILLING)).toBe(true);
}

describe("operations that run together", () => {
  test("read and leave what some order of them would, whichever way the disk ends its work", async () => {
    await forSeeds(modelRuns(25), (random) => run(random));
  });

  test("do so while the disk is cut and grown", async () => {
    await forSeeds(modelRuns(12), (random) => run(random, 3));
  });
});
