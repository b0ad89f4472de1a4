// Moves while the guest reads and writes: who waits for whom, and in which order things reach the disk.

import { checkImage } from "@qcow/engine";
import { expect, test } from "vitest";
import { Gate } from "./gate.js";
import { CLUSTER, clusterBytes, type Recycled, recycledImage } from "./recycled-image.js";

const HALF = 32 * CLUSTER;

interface Gated extends Recycled {
  readonly gate: Gate;
  readonly events: string[];
}

async function gatedImage(): Promise<Gated> {
  let gate: Gate | undefined;
  const events: string[] = [];
  const recycled = await recycledImage({
    config: { compactAfterBytes: 4 * CLUSTER },
    observer: { clusterState: ({ from, to }) => void events.push(`${from}>${to}`) },
    around: (file) => {
      gate = new Gate(file);
      return gate;
    },
  });
  return { ...recycled, gate: gate as Gate, events };
}

function count(events: readonly string[], event: string): number {
  return events.filter((each) => each === event).length;
}

const afterHalf = Array.from({ length: 64 }, (_, index) => (index < 32 ? 0 : index + 1));

/** Host offset of what guest cluster `index` holds. */
async function hostOf({ image }: Recycled, index: number): Promise<number> {
  const at = index * CLUSTER;
  for await (const { start, length, offset } of image.map())
    if (offset !== undefined && start <= at && at < start + length) return offset + (at - start);
  throw new Error(`guest cluster ${index} holds nothing`);
}

test("S-0.9.4-3: a copy is durable before an entry names it, and the entry before the file is cut", async () => {
  const it = await gatedImage();
  await it.image.discard(0, HALF);
  await it.image.flush();
  it.gate.log.length = 0;
  await it.pass(30_000);
  const { log } = it.gate;
  const indexOf = (matches: (at: number) => boolean, from = 0): number =>
    log.findIndex((_, at) => at >= from && matches(at));
  const isCopy = (at: number): boolean => log[at]?.kind === "write" && (log[at]?.length ?? 0) >= CLUSTER;
  const lastCopy = log.findLastIndex((_, at) => isCopy(at));
  const flushed = indexOf((at) => log[at]?.kind === "flush", lastCopy);
  const named = indexOf((at) => log[at]?.kind === "write", flushed);
  const namedForGood = indexOf((at) => log[at]?.kind === "flush", named);
  const cut = indexOf((at) => log[at]?.kind === "resize");
  expect(lastCopy).toBeGreaterThanOrEqual(0);
  expect([lastCopy, flushed, named, namedForGood, cut]).toEqual(
    [lastCopy, flushed, named, namedForGood, cut].sort((a, b) => a - b),
  );
  // No entry is written between the copies and the flush that covers them.
  expect(log.slice(lastCopy + 1, flushed).filter(({ kind }) => kind === "write")).toEqual([]);
  await it.image.close();
});

test("S-0.7.0-3 S-0.9.2-1 S-0.9.3-2: reads and writes go on while copies are held up", async () => {
  const it = await gatedImage();
  await it.image.discard(0, HALF);
  await it.image.flush();
  it.gate.shut = ({ kind, length }) => kind === "read" && length > CLUSTER;
  await it.pass(15_000);
  expect(it.gate.waiting).toBeGreaterThan(0);
  const found = new Uint8Array(CLUSTER);
  await it.image.read(50 * CLUSTER, found);
  expect(found[0]).toBe(51);
  await it.image.write(50 * CLUSTER, new Uint8Array(CLUSTER).fill(200));
  await it.image.write(2 * CLUSTER, new Uint8Array(CLUSTER).fill(201));
  await it.image.discard(60 * CLUSTER, CLUSTER);
  await it.image.flush();
  it.gate.open();
  await it.pass(30_000);
  const expected = [...afterHalf];
  expected[50] = 200;
  expected[2] = 201;
  expected[60] = 0;
  expect(await clusterBytes(it.image)).toEqual(expected);
  await it.image.close();
  expect(await checkImage(it.file)).toMatchObject({ corruptions: 0, leaks: 0 });
});

test("S-0.9.3-1: what a reader is reading from is not given up before it has ended", async () => {
  const it = await gatedImage();
  const host = await hostOf(it, 63);
  await it.image.discard(0, HALF);
  await it.image.flush();
  const before = await it.file.size();
  it.gate.shut = ({ kind, offset, length }) => kind === "read" && offset === host && length === CLUSTER;
  const found = new Uint8Array(CLUSTER);
  const reading = it.image.read(63 * CLUSTER, found);
  await it.pass(30_000);
  expect(it.gate.waiting).toBeGreaterThan(0);
  expect(await it.file.size()).toBe(before);
  it.gate.open();
  await reading;
  expect(found.every((byte) => byte === 64)).toBe(true);
  await it.pass(30_000);
  expect(await it.file.size()).toBeLessThan(before);
  expect(await clusterBytes(it.image)).toEqual(afterHalf);
  await it.image.close();
});

test("S-0.9.4-7: a move that was cancelled while it waited is not copied", async () => {
  const it = await gatedImage();
  await it.image.discard(0, HALF);
  await it.image.flush();
  const host = await hostOf(it, 40);
  // A write that began before the move: it is waited for.
  it.gate.shut = ({ kind, offset }) => kind === "write" && offset === host;
  const first = it.image.write(40 * CLUSTER, new Uint8Array(CLUSTER).fill(150));
  await it.pass(15_000);
  expect(count(it.events, "junk>copying")).toBe(32);
  expect(count(it.events, "copying>copied")).toBe(0);
  const second = it.image.write(63 * CLUSTER, new Uint8Array(CLUSTER).fill(151));
  await it.pass(1000);
  it.gate.open();
  await Promise.all([first, second]);
  await it.pass(4000);
  expect(count(it.events, "copying>copied")).toBe(31);
  expect(count(it.events, "copying>junk")).toBe(1);
  expect(it.image.recycling).toMatchObject({
    movesTotal: 32 * CLUSTER,
    cancelledMovesTotal: CLUSTER,
    compactions: 1,
  });
  await it.pass(30_000);
  const expected = [...afterHalf];
  expected[40] = 150;
  expected[63] = 151;
  expect(await clusterBytes(it.image)).toEqual(expected);
  await it.image.close();
});

test("S-0.9.4-2 S-0.9.4-5: each copy has a place of its own, and no pass begins while another one moves", async () => {
  const it = await gatedImage();
  await it.image.discard(0, HALF);
  await it.image.flush();
  it.gate.shut = ({ kind, length }) => kind === "read" && length > CLUSTER;
  await it.pass(120_000);
  // All that this pass chose, at once, and no more for all the time that it takes.
  expect(count(it.events, "junk>copying")).toBe(32);
  expect(it.image.recycling?.copiedTotal).toBe(0);
  it.gate.open();
  await it.pass(30_000);
  expect(it.image.recycling?.referencedTotal).toBe(32 * CLUSTER);
  await it.image.close();
  expect(await checkImage(it.file)).toMatchObject({ corruptions: 0, leaks: 0 });
});

test("a map that is made meanwhile is right: no table goes away while it is looked at", async () => {
  const it = await gatedImage();
  await it.image.discard(0, HALF);
  await it.image.flush();
  let rounds = 0;
  for (let ms = 0; ms < 30_000; ms += 500) {
    await it.pass(500);
    let data = 0;
    for await (const { length, data: isData } of it.image.map()) data += isData ? length : 0;
    expect(data).toBe(HALF);
    rounds++;
  }
  expect(rounds).toBe(60);
  expect(it.events).toContain("referenced>used");
  await it.image.close();
});
