// Images of a few clusters, written by hand: enough to run every command on, with no tool at hand.

import { encodeHeader, type Header } from "@qcow/format";

const CLUSTER = 4096;
const COPIED = 1n << 63n;
const EXTERNAL_DATA_FILE = 4n;
const EXTENSION_DATA_FILE = 0x44415441;

export interface TinyImage {
  /** Guest clusters of 4 KiB by index; the rest of the disk is unallocated. */
  readonly clusters?: ReadonlyMap<number, Uint8Array>;
  /** Length of the disk in bytes. */
  readonly size?: number;
  /** Its bytes, where it is not to be UTF-8. */
  readonly backingFile?: string | Uint8Array;
  /** The external data file: data clusters are there, at their guest offsets. */
  readonly dataFile?: string;
  /** Says that the contents are encrypted with the old AES method. */
  readonly encrypted?: boolean;
  /** Refcount given to a cluster at the end that nothing references. */
  readonly leak?: boolean;
  /** Refcount 0 for the first data cluster. */
  readonly corrupt?: boolean;
}

/** Clusters: 0 header, 1 refcount table, 2 refcount block, 3 L1 table, 4 L2 table, then data. */
export function tinyImage({
  clusters = new Map(),
  size = 65536,
  backingFile,
  dataFile,
  encrypted,
  leak,
  corrupt,
}: TinyImage = {}): Uint8Array {
  const stored = dataFile === undefined ? clusters : new Map<number, Uint8Array>();
  const used = 5 + stored.size + (leak ? 1 : 0);
  const image = new Uint8Array(used * CLUSTER);
  const view = new DataView(image.buffer);
  const name = typeof backingFile === "object" ? backingFile : new TextEncoder().encode(backingFile ?? "");
  const fields = { ...header(size, name.length), cryptMethod: encrypted ? 1 : 0 };
  if (dataFile === undefined) image.set(encodeHeader(fields), 0);
  else {
    image.set(encodeHeader({ ...fields, incompatibleFeatures: EXTERNAL_DATA_FILE }), 0);
    image.set(dataFileExtension(dataFile), fields.headerLength);
  }
  image.set(name, 1024);
  view.setBigUint64(CLUSTER, BigInt(2 * CLUSTER));
  for (let cluster = 0; cluster < used; cluster++) view.setUint16(2 * CLUSTER + 2 * cluster, 1);
  view.setBigUint64(3 * CLUSTER, BigInt(4 * CLUSTER) | COPIED);
  let next = 5;
  if (dataFile !== undefined) {
    for (const index of clusters.keys()) {
      view.setBigUint64(4 * CLUSTER + 8 * index, BigInt(index * CLUSTER) | COPIED);
    }
  }
  for (const [index, bytes] of stored) {
    view.setBigUint64(4 * CLUSTER + 8 * index, BigInt(next * CLUSTER) | COPIED);
    image.set(bytes, next * CLUSTER);
    next++;
  }
  if (corrupt) view.setUint16(2 * CLUSTER + 2 * 5, 0);
  return image;
}

/** The header extension that names the data file, padded to 8 bytes; zeros after it end the list. */
function dataFileExtension(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  const extension = new Uint8Array(8 + Math.ceil(bytes.length / 8) * 8);
  const view = new DataView(extension.buffer);
  view.setUint32(0, EXTENSION_DATA_FILE);
  view.setUint32(4, bytes.length);
  extension.set(bytes, 8);
  return extension;
}

function header(size: number, nameLength: number): Header {
  return {
    version: 3,
    backingFileOffset: nameLength === 0 ? 0n : 1024n,
    backingFileSize: nameLength,
    clusterBits: 12,
    size: BigInt(size),
    cryptMethod: 0,
    l1Size: 1,
    l1TableOffset: BigInt(3 * CLUSTER),
    refcountTableOffset: BigInt(CLUSTER),
    refcountTableClusters: 1,
    nbSnapshots: 0,
    snapshotsOffset: 0n,
    incompatibleFeatures: 0n,
    compatibleFeatures: 0n,
    autoclearFeatures: 0n,
    refcountOrder: 4,
    headerLength: 104,
    compressionType: 0,
    unknownFields: new Uint8Array(0),
  };
}

/** A cluster full of one byte. */
export function filled(byte: number): Uint8Array {
  return new Uint8Array(CLUSTER).fill(byte);
}
