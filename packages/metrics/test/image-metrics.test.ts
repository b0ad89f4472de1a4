// Metrics of an image that is used, recycled and closed, on a memory disk and a clock that the test moves.

import { ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { createImage, defaultImageConfig, Qcow2Image } from "@qcow/engine";
import { expect, it } from "vitest";
import { QcowMetrics } from "../src/index.js";
import { samplesOf } from "./samples.js";

const CLUSTER = 4096;
const CLUSTERS = 64;

async function usedImage(metrics: QcowMetrics) {
  const file = new MemoryBackend();
  await createImage(file, { size: CLUSTERS * CLUSTER, clusterSize: CLUSTER, refcountBits: 1 });
  const clock = new ManualClock();
  const watch = metrics.image("disk");
  const image = await Qcow2Image.open(file, {
    time: clock,
    observer: watch.observer,
    config: {
      ...defaultImageConfig(),
      discard: true,
      keepErasedBytes: 4 * CLUSTER,
      compactAfterBytes: 8 * CLUSTER,
    },
  });
  const statistics = async () => ({
    virtualSize: image.virtualSize,
    fileSize: await file.size(),
    recycling: image.recycling,
  });
  watch.opened(statistics);
  for (let index = 0; index < CLUSTERS; index++)
    await image.write(index * CLUSTER, new Uint8Array(CLUSTER).fill(index + 1));
  await image.flush();
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 500) {
      await clock.advance(500);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const close = async () => {
    await image.close();
    watch.closed(await statistics());
  };
  return { file, image, pass, close };
}

it("bytes and operations are those of the guest", async () => {
  const metrics = new QcowMetrics();
  const { image, close } = await usedImage(metrics);
  await image.read(100, new Uint8Array(1000));
  await image.writeZeroes(0, CLUSTER);
  await image.discard(CLUSTER, 2 * CLUSTER);
  const samples = samplesOf(await metrics.text());
  const of = (name: string, labels = "") => samples.get(`${name}{id="disk"${labels}}`);
  expect(of("qcow_read_bytes_total")).toBe(1000);
  expect(of("qcow_write_bytes_total")).toBe(CLUSTERS * CLUSTER);
  expect(of("qcow_write_zeroes_bytes_total")).toBe(CLUSTER);
  expect(of("qcow_discard_bytes_total")).toBe(2 * CLUSTER);
  expect(of("qcow_operations_total", ',operation="write"')).toBe(CLUSTERS);
  expect(of("qcow_operations_total", ',operation="flush"')).toBe(1);
  expect(samples.get('qcow_operation_duration_seconds_count{id="disk",operation="write"}')).toBe(CLUSTERS);
  expect(samples.get('qcow_operation_duration_seconds_bucket{id="disk",operation="read",le="+Inf"}')).toBe(1);
  expect(of("qcow_host_flushes_total")).toBeGreaterThan(0);
  expect(of("qcow_cache_hits_total")).toBeGreaterThan(0);
  expect(of("qcow_virtual_size_bytes")).toBe(CLUSTERS * CLUSTER);
  await close();
});

it("what becomes of free space shows: states, moves, runs, and a file that got shorter", async () => {
  const metrics = new QcowMetrics();
  const { file, image, pass, close } = await usedImage(metrics);
  const before = await file.size();
  await image.discard(0, (CLUSTERS / 2) * CLUSTER);
  await image.flush();
  await pass(60_000);
  const samples = samplesOf(await metrics.text());
  const of = (name: string, labels = "") => samples.get(`${name}{id="disk"${labels}}`) ?? Number.NaN;
  const after = await file.size();
  expect(after).toBeLessThan(before);
  expect(of("qcow_file_size_bytes")).toBe(after);
  const states = ["used", "junk", "erased", "available"].map((state) =>
    of("qcow_cluster_state_bytes", `,state="${state}"`),
  );
  expect(states.reduce((sum, bytes) => sum + bytes)).toBe(after);
  expect(of("qcow_used_bytes")).toBe(states[0]);
  expect(of("qcow_moves_total")).toBeGreaterThan(0);
  expect(of("qcow_moves_cancelled_total")).toBe(0);
  expect(of("qcow_gc_runs_total")).toBeGreaterThan(0);
  expect(of("qcow_moved_bytes_total", ',stage="referenced"')).toBe(of("qcow_moves_total") * CLUSTER);
  await close();
  const last = samplesOf(await metrics.text());
  expect(last.get('qcow_file_size_bytes{id="disk"}')).toBe(await file.size());
  expect(last.get('qcow_moves_total{id="disk"}')).toBe(of("qcow_moves_total"));
});

it("failures and cancellations are counted apart from what was done", async () => {
  const metrics = new QcowMetrics();
  const { guestOperation } = metrics.image("disk").observer;
  const event = { operation: "read", offset: 0, length: 512, elapsedMs: 1 } as const;
  const { observer } = metrics.image("disk");
  for (const outcome of ["done", "failed", "cancelled", "failed"] as const)
    guestOperation?.call(observer, { ...event, outcome });
  const samples = samplesOf(await metrics.text());
  const of = (name: string) => samples.get(`${name}{id="disk",operation="read"}`);
  expect([
    of("qcow_operations_total"),
    of("qcow_operation_errors_total"),
    of("qcow_operations_cancelled_total"),
  ]).toEqual([1, 2, 1]);
  expect(samples.get('qcow_read_bytes_total{id="disk"}')).toBe(512);
});

it("totals go on when an image is opened again, and a source that fails changes nothing", async () => {
  const metrics = new QcowMetrics();
  const first = await usedImage(metrics);
  await first.close();
  const total = async () => samplesOf(await metrics.text()).get('qcow_taken_bytes_total{id="disk"}') ?? 0;
  const once = await total();
  expect(once).toBeGreaterThan(0);
  const second = await usedImage(metrics);
  expect(await total()).toBe(2 * once);
  await second.close();
  expect(await total()).toBe(2 * once);
  metrics.image("disk").opened(() => Promise.reject(new Error("closed")));
  expect(samplesOf(await metrics.text()).get('qcow_virtual_size_bytes{id="disk"}')).toBe(CLUSTERS * CLUSTER);
});

it("what nobody knows has no sample", async () => {
  const metrics = new QcowMetrics();
  const image = metrics.image("read-only");
  image.opened(() => ({ virtualSize: 1024, fileSize: 2048, recycling: undefined }));
  const samples = samplesOf(await metrics.text());
  expect(samples.get('qcow_file_size_bytes{id="read-only"}')).toBe(2048);
  expect([...samples.keys()].filter((name) => /qcow_(used|moves|cluster_state)/.test(name))).toEqual([]);
});
