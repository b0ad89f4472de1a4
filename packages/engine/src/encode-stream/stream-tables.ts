// The bytes of everything before the contents, made cluster by cluster from the plan. Owns what entries and refcounts say.

import { encodeL2Entry, type L2EntryGeometry, putL2Entry, refcountMax, setRefcountAt } from "@qcow/format";
import type { StreamContents } from "./contents.js";
import { Packing } from "./packing.js";
import type { StreamPlan } from "./plan-stream.js";
import type { ClusterRecord } from "./stored-clusters.js";

/** The first clusters of the image, up to where contents begin. A piece is valid until the next one is asked for. */
export function* metadataPieces(
  plan: StreamPlan,
  contents: StreamContents,
): Generator<Uint8Array, void, void> {
  const cluster = new Uint8Array(plan.clusterSize);
  cluster.set(plan.head);
  yield cluster;
  yield* pointers(plan, plan.layout.refcountTable, refcountTableTargets(plan), false);
  yield* refcountBlocks(plan, contents.record);
  yield* pointers(plan, plan.layout.l1, l1Targets(plan), true);
  yield* l2Tables(plan, contents.record);
}

/** Tables of `clusters` clusters with the entries of `targets`. */
function* pointers(
  { clusterSize }: StreamPlan,
  clusters: number,
  targets: Iterator<number>,
  copied: boolean,
): Generator<Uint8Array, void, void> {
  const cluster = new Uint8Array(clusterSize);
  const view = new DataView(cluster.buffer);
  for (let count = 0; count < clusters; count++) {
    cluster.fill(0);
    for (let at = 0; at < clusterSize; at += 8) {
      const { done, value } = targets.next();
      if (done === true) break;
      // Entries of all tables are alike in this: an offset, and bit 63 for COPIED.
      if (value !== 0) putL2Entry(view, at, value, copied, false);
    }
    yield cluster;
  }
}

function* refcountTableTargets(plan: StreamPlan): Generator<number, void, void> {
  for (let block = 0; block < plan.layout.refcountBlocks; block++)
    yield plan.refcountBlocks + block * plan.clusterSize;
}

function* l1Targets(plan: StreamPlan): Generator<number, void, void> {
  let next = 0;
  for (let index = 0; index < plan.l1Entries; index++) {
    if (plan.tables[next] === index) yield plan.l2 + next++ * plan.clusterSize;
    else yield 0;
  }
}

function* refcountBlocks(plan: StreamPlan, record: ClusterRecord): Generator<Uint8Array, void, void> {
  const cluster = new Uint8Array(plan.clusterSize);
  const view = new DataView(cluster.buffer);
  const bits = 2 ** plan.options.refcountOrder;
  const perBlock = (plan.clusterSize * 8) / bits;
  const counts = refcounts(plan, record);
  for (let block = 0; block < plan.layout.refcountBlocks; block++) {
    cluster.fill(0);
    for (let index = 0; index < perBlock; index++) {
      const { done, value } = counts.next();
      if (done === true) break;
      setRefcountAt(view, index, bits, value);
    }
    yield cluster;
  }
}

/** The refcount of each host cluster: 1, but where streams are packed, as many as touch it. */
function* refcounts(plan: StreamPlan, record: ClusterRecord): Generator<number, void, void> {
  const { clusterSize } = plan;
  for (let cluster = 0; cluster < plan.packed / clusterSize; cluster++) yield 1;
  let cluster = 0;
  let streams = 0;
  for (const { start, length } of packedStreams(plan, record)) {
    const first = Math.floor(start / clusterSize);
    for (; cluster < first; cluster++, streams = 0) yield streams;
    streams++;
    if (start + length <= (first + 1) * clusterSize) continue;
    yield streams;
    cluster++;
    streams = 1;
  }
  if (streams > 0) yield streams;
}

function* packedStreams(
  plan: StreamPlan,
  record: ClusterRecord,
): Generator<{ readonly start: number; readonly length: number }, void, void> {
  const packing = packingOf(plan);
  for (const table of plan.tables) {
    for (let entry = 0; entry < plan.l2Entries; entry++) {
      const length = record.get(table * plan.l2Entries + entry);
      if (length > 0 && length < plan.clusterSize) yield { start: packing.place(length), length };
    }
  }
}

function packingOf({ clusterSize, options }: StreamPlan): Packing {
  return new Packing(clusterSize, refcountMax(2 ** options.refcountOrder));
}

function* l2Tables(plan: StreamPlan, record: ClusterRecord): Generator<Uint8Array, void, void> {
  const { clusterSize, entryBytes, l2Entries, options } = plan;
  const geometry: L2EntryGeometry = {
    version: options.version,
    clusterBits: options.clusterBits,
    extendedL2: options.extendedL2,
    hasDataFile: false,
  };
  const cluster = new Uint8Array(clusterSize);
  const view = new DataView(cluster.buffer);
  const packing = packingOf(plan);
  let plain = plan.plain;
  for (const table of plan.tables) {
    cluster.fill(0);
    for (let entry = 0; entry < l2Entries; entry++) {
      const length = record.get(table * l2Entries + entry);
      const at = entry * entryBytes;
      if (length === clusterSize) {
        putL2Entry(view, at, plain, true, false);
        if (options.extendedL2) view.setUint32(at + 12, 0xffff_ffff);
        plain += clusterSize;
      } else if (length > 0) {
        const hostOffset = BigInt(plan.packed + packing.place(length));
        view.setBigUint64(
          at,
          encodeL2Entry({ kind: "compressed", hostOffset, length, copied: false }, geometry),
        );
      }
    }
    yield cluster;
  }
}
