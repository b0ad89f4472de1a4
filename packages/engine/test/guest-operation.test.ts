// What an observer is told of the guest's operations: each once, with its time and its outcome.

import { ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { ForwardingBackend } from "@qcow/block";
import { createImage, type Observer, Qcow2Image, Qcow2Reader } from "@qcow/engine";
import { expect, test } from "vitest";

const CLUSTER = 65536;

type Told = Parameters<NonNullable<Observer["guestOperation"]>>[0];

class Slow extends ForwardingBackend {
  clock: ManualClock | undefined;
  failing = false;

  override async read(...args: Parameters<ForwardingBackend["read"]>): Promise<void> {
    await this.clock?.advance(20);
    if (this.failing) throw new Error("the disk is on fire");
    await super.read(...args);
  }
}

async function setUp() {
  const clock = new ManualClock();
  const backend = new Slow(new MemoryBackend());
  await createImage(backend, { size: 4 * CLUSTER });
  const told: Told[] = [];
  const observer: Observer = { guestOperation: (event) => void told.push(event) };
  return { clock, backend, told, observer };
}

test("each operation on an image is told once, with its range", async () => {
  const { backend, told, observer } = await setUp();
  const image = await Qcow2Image.open(backend, { observer });
  await image.write(512, new Uint8Array(1024));
  await image.read(0, new Uint8Array(4096));
  await image.writeZeroes(CLUSTER, CLUSTER);
  await image.discard(0, CLUSTER);
  await image.flush();
  await image.close();
  const done = { elapsedMs: undefined, outcome: "done" };
  expect(told).toEqual([
    { operation: "write", offset: 512, length: 1024, ...done },
    { operation: "read", offset: 0, length: 4096, ...done },
    { operation: "write zeroes", offset: CLUSTER, length: CLUSTER, ...done },
    { operation: "discard", offset: 0, length: CLUSTER, ...done },
    { operation: "flush", offset: 0, length: 0, ...done },
  ]);
});

test("with a clock the time that an operation took is told, of readers too", async () => {
  const { backend, clock, told, observer } = await setUp();
  const image = await Qcow2Image.open(backend);
  await image.write(0, new Uint8Array(CLUSTER).fill(1));
  await image.close();
  const reader = await Qcow2Reader.open(backend, { observer, time: clock });
  backend.clock = clock;
  await reader.read(0, new Uint8Array(512));
  await reader.close();
  // One read for the table, one for the contents.
  expect(told).toEqual([{ operation: "read", offset: 0, length: 512, elapsedMs: 40, outcome: "done" }]);
});

test("failures and cancellations are told as such", async () => {
  const { backend, told, observer } = await setUp();
  const image = await Qcow2Image.open(backend);
  await image.write(0, new Uint8Array(CLUSTER).fill(1));
  await image.close();
  const reader = await Qcow2Reader.open(backend, { observer });
  backend.failing = true;
  await expect(reader.read(0, new Uint8Array(512))).rejects.toThrow("fire");
  await expect(reader.read(0, new Uint8Array(512), { signal: AbortSignal.abort() })).rejects.toThrow();
  expect(told.map(({ outcome }) => outcome)).toEqual(["failed", "cancelled"]);
  await reader.close();
});

test("what a write reads to fill a cluster is no read of the guest", async () => {
  const { backend, told, observer } = await setUp();
  const base = new MemoryBackend();
  await base.write(0, new Uint8Array(4 * CLUSTER).fill(9));
  await createImage(backend, { size: 4 * CLUSTER, backingFile: { name: "base.raw", format: "raw" } });
  let guestReads = 0;
  const image = await Qcow2Image.open(backend, {
    openReference: async () => ({ backend: base }),
    observer: { ...observer, guestRead: () => void guestReads++ },
  });
  await image.write(512, new Uint8Array(512));
  const found = new Uint8Array(1024);
  await image.read(0, found);
  expect([found[0], found[512]]).toEqual([9, 0]);
  await image.close();
  expect(told.map(({ operation }) => operation)).toEqual(["write", "read"]);
  expect(guestReads).toBe(1);
});
