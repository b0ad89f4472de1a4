// An image with something of every kind in it, and a secret wherever no metadata are. For tests.

import { encodeSnapshotEntry, type HeaderExtension } from "@qcow/format";
import { MadeImage } from "./made-image.js";

/** None of them may get out. */
export const SECRETS = [
  "secret of the guest",
  "secret that is compressed",
  "secret of a saved VM",
  "secret behind a table",
  "secret of a free cluster",
  "secret of a bitmap's neighbour",
] as const;

/** Names that say whose image it is. */
export const NAMES = [
  "customer.qcow2",
  "customer-data.raw",
  "before-launch",
  "nightly-backup",
  "unknown words",
];

const CLUSTER = 65536;
const [guest, compressed, vmState, behind, free, neighbour] = SECRETS;

/** Cluster by cluster: header, refcount table, L1, L2, data, compressed data, snapshot table, … */
export function secretImage(): MadeImage {
  const image = new MadeImage(16).header({
    size: BigInt(512 * 1024 ** 2),
    l1Size: 1,
    nbSnapshots: 1,
    snapshotsOffset: BigInt(6 * CLUSTER),
    incompatibleFeatures: 0n,
    compatibleFeatures: 0n,
    autoclearFeatures: 1n,
    extensions: extensions(),
    backingFile: "customer.qcow2",
  });
  for (let cluster = 0; cluster < 16; cluster++) image.text(cluster * CLUSTER + 4096, behind, 100);
  image
    .put(CLUSTER, new Uint8Array(CLUSTER))
    .word(CLUSTER, BigInt(11 * CLUSTER))
    .put(11 * CLUSTER, refcounts());
  image
    .entry(2, 0, 3, true)
    .put(3 * CLUSTER, new Uint8Array(CLUSTER))
    .entry(3, 0, 4, true);
  image.text(4 * CLUSTER, guest, 100);
  // One sector of compressed data.
  image.word(3 * CLUSTER + 8, (1n << 62n) | BigInt(5 * CLUSTER)).text(5 * CLUSTER, compressed, 20);
  image.put(6 * CLUSTER, snapshot());
  image
    .entry(7, 0, 3, true)
    .entry(7, 1, 8)
    .put(8 * CLUSTER, new Uint8Array(CLUSTER))
    .entry(8, 0, 9);
  image.text(9 * CLUSTER, vmState, 100).text(10 * CLUSTER, free, 100);
  image.put(12 * CLUSTER, directory()).text(12 * CLUSTER + 200, neighbour);
  image.word(13 * CLUSTER, BigInt(14 * CLUSTER)).put(14 * CLUSTER, new Uint8Array(CLUSTER).fill(0x5a));
  return image.text(15 * CLUSTER, free, 100);
}

function extensions(): HeaderExtension[] {
  const text = (words: string) => new TextEncoder().encode(words);
  return [
    { type: "backing-format", format: "qcow2", bytes: text("qcow2") },
    { type: "data-file", name: "customer-data.raw", bytes: text("customer-data.raw") },
    { type: "unknown", magic: 0x12345678, data: text("unknown words") },
    { type: "bitmaps", count: 1, directorySize: 40n, directoryOffset: BigInt(12 * CLUSTER) },
  ];
}

/** Of clusters 0 to 14 but for the free one: 1 each, 2 for what the snapshot shares. */
function refcounts(): Uint8Array {
  const block = new DataView(new ArrayBuffer(CLUSTER));
  for (let cluster = 0; cluster < 15; cluster++) block.setUint16(cluster * 2, cluster === 10 ? 0 : 1);
  for (const cluster of [3, 4, 5]) block.setUint16(cluster * 2, 2);
  return new Uint8Array(block.buffer);
}

function snapshot(): Uint8Array {
  const entry = encodeSnapshotEntry(
    {
      l1TableOffset: BigInt(7 * CLUSTER),
      l1Size: 2,
      id: "1",
      name: "before-launch",
      idBytes: new TextEncoder().encode("1"),
      nameBytes: new TextEncoder().encode("before-launch"),
      dateSec: 1,
      dateNsec: 0,
      vmClockNsec: 0n,
      vmStateSize: 65536n,
      diskSize: BigInt(512 * 1024 ** 2),
      icount: undefined,
      extraData: new Uint8Array(0),
    },
    0,
  );
  // What fills it up to 8 bytes need not be zero.
  return entry.fill(0x21, 40 + 16 + 1 + 13);
}

function directory(): Uint8Array {
  const entry = new DataView(new ArrayBuffer(40));
  entry.setBigUint64(0, BigInt(13 * CLUSTER));
  entry.setUint32(8, 1);
  entry.setUint32(12, 2);
  entry.setUint8(16, 1);
  entry.setUint8(17, 16);
  entry.setUint16(18, 14);
  const bytes = new Uint8Array(entry.buffer);
  bytes.set(new TextEncoder().encode("nightly-backup"), 24);
  return bytes;
}
