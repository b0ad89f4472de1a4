// The contents of a raw disk that can be read twice: once to find what is zero, once to send the rest. With holes alone
// taken for zeros it is read once; what is stored is then decided by the host's map.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { isAllZero } from "../decode/find-data.js";
import { type EncodeStep, planEncodeSteps } from "../encode/plan-steps.js";
import type { StreamContents } from "./contents.js";
import { stepsOfFile } from "./raw-steps.js";
import { AllClusters, type ClusterRecord, StoredClusters } from "./stored-clusters.js";

/** Which clusters are not stored: all that are zero, those that the host knows to be holes, or none. */
export type LeftOut = "zeros" | "holes" | "nothing";

export interface ScanOptions extends IoOptions {
  readonly clusterSize: number;
  readonly leaveOut: LeftOut;
  /** Told of how much of the disk was looked at. */
  readonly onScanned: (bytes: number) => void;
}

const STEP_BYTES = 2 * 1024 * 1024;

export async function scanRaw(source: ReadableBlockBackend, options: ScanOptions): Promise<StreamContents> {
  const { clusterSize } = options;
  const size = await source.size({ signal: options.signal });
  const stepBytes = Math.max(STEP_BYTES, clusterSize);
  const record = await recordOf(source, size, stepBytes, options);
  options.onScanned(size);
  return {
    size,
    record,
    packedBytes: 0,
    chunks: () => storedClusters(source, size, record, stepBytes, options),
  };
}

async function recordOf(
  source: ReadableBlockBackend,
  size: number,
  stepBytes: number,
  options: ScanOptions,
): Promise<ClusterRecord> {
  const { clusterSize, leaveOut, signal } = options;
  if (leaveOut === "nothing") return new AllClusters(Math.ceil(size / clusterSize), clusterSize);
  const record = new StoredClusters(clusterSize);
  if (leaveOut === "holes") {
    for await (const step of planEncodeSteps(source, size, clusterSize, stepBytes, { signal })) {
      if (step.isHole) continue;
      for (let at = 0; at < step.length; at += clusterSize)
        record.set((step.offset + at) / clusterSize, clusterSize);
    }
    return record;
  }
  const plan = planEncodeSteps(source, size, clusterSize, stepBytes, { signal });
  for await (const { offset, bytes, reached } of stepsOfFile(source, plan, clusterSize, stepBytes, {
    signal,
  })) {
    for (let at = 0; at < bytes.byteLength; at += clusterSize) {
      if (!isAllZero(bytes.subarray(at, at + clusterSize)))
        record.set((offset + at) / clusterSize, clusterSize);
    }
    options.onScanned(reached);
  }
  return record;
}

/** The clusters of `record`, read ahead. */
async function* storedClusters(
  source: ReadableBlockBackend,
  size: number,
  record: ClusterRecord,
  stepBytes: number,
  { clusterSize, signal }: ScanOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const plan = storedSteps(record, size, clusterSize, stepBytes);
  for await (const { bytes } of stepsOfFile(source, plan, clusterSize, stepBytes, { signal })) yield bytes;
}

/** Neighbours among the stored clusters, in steps of at most `stepBytes`. */
function* storedSteps(
  record: ClusterRecord,
  size: number,
  clusterSize: number,
  stepBytes: number,
): Generator<EncodeStep, void, void> {
  const count = Math.ceil(size / clusterSize);
  for (let first = 0; first < count; first++) {
    if (record.get(first) === 0) continue;
    let end = first + 1;
    while (end < count && (end - first) * clusterSize < stepBytes && record.get(end) !== 0) end++;
    const offset = first * clusterSize;
    yield { offset, length: Math.min(size, end * clusterSize) - offset, isHole: false };
    first = end - 1;
  }
}
