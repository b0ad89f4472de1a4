// Gives an image an internal snapshot of what it holds, by hand, since the engine makes none. Owns the copy of the L1
// table and the snapshot table; shared clusters are counted by rebuild-refcounts.

import { decodeHeader, decodeSnapshotTable, encodeHeader, encodeSnapshotTable } from "@qcow/format";
import { ImageFile } from "./image-file.js";
import { rebuildRefcounts } from "./rebuild-refcounts.js";

/** The image with one snapshot more, named `id`; undefined where refcounts are too narrow for it. */
export function addSnapshot(image: Uint8Array, id: string): Uint8Array | undefined {
  const header = decodeHeader(image);
  const file = new ImageFile(image, 2 ** header.clusterBits);
  const l1 = Number(header.l1TableOffset);
  const table = file.bytes.subarray(Number(header.snapshotsOffset));
  const { snapshots } = decodeSnapshotTable(table, header.nbSnapshots);
  const copy = clearCopied(file.bytes.slice(l1, l1 + header.l1Size * 8));
  const name = new TextEncoder().encode(id);
  const isNew = header.version === 3;
  const snapshot = {
    l1TableOffset: BigInt(file.appendBytes(copy)),
    l1Size: header.l1Size,
    id,
    name: id,
    idBytes: name,
    nameBytes: name,
    dateSec: 1_700_000_000,
    dateNsec: 0,
    vmClockNsec: 0n,
    vmStateSize: 0n,
    diskSize: isNew ? header.size : undefined,
    icount: undefined,
    extraData: new Uint8Array(isNew ? 16 : 0),
  };
  const encoded = encodeSnapshotTable([...snapshots, snapshot]);
  const snapshotsOffset = BigInt(file.appendBytes(encoded));
  file.put(0, encodeHeader({ ...header, nbSnapshots: snapshots.length + 1, snapshotsOffset }));
  return rebuildRefcounts(file) ? file.bytes : undefined;
}

function clearCopied(l1: Uint8Array): Uint8Array {
  for (let at = 0; at < l1.length; at += 8) l1[at] = (l1[at] ?? 0) & 0x7f;
  return l1;
}
