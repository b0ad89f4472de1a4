// Compacts built images in tests and judges what every compaction promises: the same contents, nothing wrong, no longer.

import type { BlockBackend } from "@qcow/block";
import { expect } from "vitest";
import { type CompactOptions, type CompactReport, compactImage } from "../../src/index.js";
import type { BuiltImage } from "../built-image.js";
import type { ImageBuilder } from "../image-builder.js";
import { naiveRecount } from "../naive-recount.js";
import { compression } from "../streams.js";
import { type Beside, expectClean, expectContents, kept } from "../write/open-writable.js";
import { type Access, RecordingBackend } from "../write/recording-backend.js";

export interface Compacted {
  readonly report: CompactReport;
  /** What reached the backend. */
  readonly log: readonly Access[];
  readonly writes: number;
  readonly flushes: number;
}

/** Compacts `backend`, and says what that took. */
export async function compacting(backend: BlockBackend, options: CompactOptions = {}): Promise<Compacted> {
  const recording = new RecordingBackend(backend);
  const report = await compactImage(recording, { compression, ...options });
  const { log } = recording;
  const count = (kind: Access["kind"]): number => log.filter((access) => access.kind === kind).length;
  expect(report.sizeAfter).toBe(await backend.size());
  expect(report.sizeAfter).toBeLessThanOrEqual(report.sizeBefore);
  return { report, log, writes: count("write"), flushes: count("flush") };
}

/** Fails unless the image holds what `builder` says, in all its snapshots, with right refcounts. */
export async function expectSame(builder: ImageBuilder, built: BuiltImage): Promise<void> {
  const beside: Beside = { data: built.data === undefined ? undefined : kept(built.data) };
  await expectClean(built.backend);
  const { references, stored } = naiveRecount(built.backend.toBytes());
  expect(new Map([...stored].map(([host, count]) => [host, Number(count)]))).toEqual(references);
  await expectContents(built.backend, builder.model, beside);
  for (const { snapshot, model } of builder.snapshots)
    await expectContents(built.backend, model, beside, snapshot.id);
}

/** Builds, compacts and judges; a second compaction finds nothing to do. */
export async function compactBuilt(builder: ImageBuilder): Promise<Compacted & { built: BuiltImage }> {
  const built = await builder.build();
  const done = await compacting(built.backend);
  await expectSame(builder, built);
  const again = await compacting(built.backend);
  expect(again).toMatchObject({ writes: 0, flushes: 0, log: [] });
  return { ...done, built };
}
