// Puts the parts of a built image together: L2 and L1 tables, snapshot table, bitmaps, refcounts, header.
// Owns which tables are shared and how often each host cluster is referenced.

import { MemoryBackend } from "@qcow/backend-memory";
import {
  AUTOCLEAR_BITMAPS_BIT,
  backingFormatExtension,
  dataFileExtension,
  encodeHeader,
  encodeHeaderExtensions,
  encodeL1Entry,
  encodeL2Entry,
  encodeRefcountTableEntry,
  type Geometry,
  type Header,
  type HeaderExtension,
  type Snapshot,
  writeRefcount,
} from "@qcow/format";
import { BuiltImage } from "./built-image.js";
import { headerFor } from "./header-choices.js";
import type { DiskState, ImageOptions, Placed, SnapshotState } from "./image-builder.js";

export interface Stored {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ImageParts {
  readonly options: ImageOptions;
  readonly geometry: Geometry;
  readonly active: DiskState;
  readonly snapshots: readonly SnapshotState[];
  readonly contents: readonly Stored[];
  readonly dataContents: readonly Stored[];
  /** Host clusters that something but L2 entries references, once per reference. */
  readonly extraReferences: number[];
  readonly allocate: (count: number) => number;
  /** The same, without a gap before it. */
  readonly allocateAtEnd: (count: number) => number;
  readonly encodeSnapshots: (snapshots: readonly Snapshot[]) => Uint8Array;
  readonly bitmapDirectory: Uint8Array | undefined;
  readonly bitmapCount: number;
  readonly end: () => number;
}

/** An L2 table that one or more L1 tables name. */
interface Table {
  readonly offset: number;
  readonly index: number;
  readonly clusters: ReadonlyMap<number, Placed>;
  uses: number;
}

interface PlacedL1 {
  readonly offset: number;
  readonly size: number;
  readonly tables: readonly Table[];
}

type References = Map<number, number>;

export async function assembleImage(parts: ImageParts): Promise<BuiltImage> {
  const { geometry, options } = parts;
  const { clusterSize } = geometry;
  const tables = new Map<string, Table>();
  const base = headerFor(options);
  const l1s = [parts.active, ...parts.snapshots].map((state, index) =>
    placeL1(
      state,
      index === 0 ? base.l1Size : l1SizeOf(parts.snapshots[index - 1], base, geometry),
      parts,
      tables,
    ),
  );
  const snapshotTable = placeSnapshots(parts, l1s.slice(1));
  const directory = parts.bitmapDirectory;
  const directoryOffset = directory === undefined ? 0 : take(parts, directory.length);
  const references = countReferences(parts, l1s, tables);
  const refcounts = placeRefcounts(parts, references);

  const backend = new MemoryBackend({ label: options.label ?? "built", size: parts.end() });
  for (const { offset, bytes } of parts.contents) await backend.write(offset, bytes);
  await writeTables(backend, tables, references, geometry);
  for (const l1 of l1s) await writeL1(backend, l1, references, clusterSize);
  await backend.write(snapshotTable.offset, snapshotTable.bytes);
  if (directory !== undefined) await backend.write(directoryOffset, directory);
  await refcounts.write(backend);

  const header: Header = {
    ...base,
    l1TableOffset: BigInt((l1s[0] as PlacedL1).offset),
    refcountTableOffset: BigInt(refcounts.tableOffset),
    refcountTableClusters: refcounts.tableClusters,
    nbSnapshots: parts.snapshots.length,
    snapshotsOffset: BigInt(snapshotTable.offset),
    autoclearFeatures: directory === undefined ? 0n : 1n << BigInt(AUTOCLEAR_BITMAPS_BIT),
  };
  await writeHead(backend, header, parts, directoryOffset);
  if (options.trim === true) await trimZeros(backend);
  const data = options.dataFile === undefined ? undefined : await dataBackend(parts);
  const active = new Map(
    [...tables.values()]
      .filter((t) => (l1s[0] as PlacedL1).tables.includes(t))
      .map((t) => [t.index, t.offset]),
  );
  return new BuiltImage({
    backend,
    data,
    geometry,
    header: { ...header, ...options.header },
    references,
    model: parts.active.model,
    l2Offsets: active,
    refcountBlocks: refcounts.blocks,
  });
}

function take(parts: ImageParts, bytes: number): number {
  const count = Math.max(1, Math.ceil(bytes / parts.geometry.clusterSize));
  const offset = parts.allocate(count);
  for (let index = 0; index < count; index++)
    parts.extraReferences.push(offset / parts.geometry.clusterSize + index);
  return offset;
}

function l1SizeOf(state: SnapshotState | undefined, base: Header, geometry: Geometry): number {
  const size = state?.snapshot.diskSize;
  return size === undefined ? base.l1Size : Math.ceil(Number(size) / geometry.guestBytesPerL2);
}

// Disks with the very same entries in a table share it, as snapshots do.
function placeL1(state: DiskState, size: number, parts: ImageParts, tables: Map<string, Table>): PlacedL1 {
  const { l2Entries } = parts.geometry;
  const byTable = new Map<number, Map<number, Placed>>();
  for (const [cluster, placed] of state.clusters) {
    const index = Math.floor(cluster / l2Entries);
    const table = byTable.get(index) ?? new Map<number, Placed>();
    table.set(cluster % l2Entries, placed);
    byTable.set(index, table);
  }
  const used: Table[] = [];
  for (const [index, clusters] of byTable) {
    const key = `${index}:${[...clusters]
      .map(([at, placed]) => `${at}=${JSON.stringify(placed, bigintText)}`)
      .sort()
      .join()}`;
    const table = tables.get(key) ?? { offset: parts.allocate(1), index, clusters, uses: 0 };
    table.uses++;
    tables.set(key, table);
    used.push(table);
  }
  return { offset: take(parts, Math.max(1, size * 8)), size, tables: used };
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function placeSnapshots(parts: ImageParts, l1s: readonly PlacedL1[]): Stored {
  if (parts.snapshots.length === 0) return { offset: 0, bytes: new Uint8Array(0) };
  const snapshots = parts.snapshots.map(({ snapshot }, index) => {
    const { offset, size } = l1s[index] as PlacedL1;
    return { l1TableOffset: BigInt(offset), l1Size: size, ...snapshot };
  });
  const bytes = parts.encodeSnapshots(snapshots);
  return { offset: take(parts, bytes.length), bytes };
}

function countReferences(
  parts: ImageParts,
  l1s: readonly PlacedL1[],
  tables: Map<string, Table>,
): References {
  const references: References = new Map([[0, 1]]);
  const add = (host: number, times: number): void =>
    void references.set(host, (references.get(host) ?? 0) + times);
  for (const host of parts.extraReferences) add(host, 1);
  for (const { tables: named } of l1s)
    for (const { offset } of named) add(offset / parts.geometry.clusterSize, 1);
  for (const { clusters, uses } of tables.values()) {
    for (const { hosts } of clusters.values()) for (const host of hosts) add(host, uses);
  }
  return references;
}

// The structures count themselves, so their size is found by trying.
function placeRefcounts(parts: ImageParts, references: References) {
  const { clusterSize, refcountBits, refcountBlockEntries } = parts.geometry;
  const start = parts.end() / clusterSize;
  let total = start + 2;
  let blockCount = 0;
  let tableClusters = 0;
  for (let before = 0; before !== total; ) {
    before = total;
    blockCount = Math.ceil(total / refcountBlockEntries);
    tableClusters = Math.ceil((blockCount * 8) / clusterSize);
    total = start + blockCount + tableClusters;
  }
  const tableOffset = parts.allocateAtEnd(tableClusters + blockCount);
  const first = tableOffset / clusterSize;
  for (let host = first; host < total; host++) references.set(host, 1);
  const blocks = new Map<number, number>();
  const bytes = new Map<number, Uint8Array>();
  for (let index = 0; index < blockCount; index++)
    blocks.set(index, (first + tableClusters + index) * clusterSize);
  for (const [host, count] of references) {
    const index = Math.floor(host / refcountBlockEntries);
    const block = bytes.get(index) ?? new Uint8Array(clusterSize);
    bytes.set(index, block);
    writeRefcount(block, host % refcountBlockEntries, refcountBits, BigInt(count));
  }
  const write = async (backend: MemoryBackend): Promise<void> => {
    const table = new DataView(new ArrayBuffer(tableClusters * clusterSize));
    for (const [index, offset] of blocks) {
      table.setBigUint64(index * 8, encodeRefcountTableEntry({ offset: BigInt(offset), reserved: 0n }));
      await backend.write(offset, bytes.get(index) ?? new Uint8Array(clusterSize));
    }
    await backend.write(tableOffset, new Uint8Array(table.buffer));
  };
  return { tableOffset, tableClusters, blocks, write };
}

async function writeTables(
  backend: MemoryBackend,
  tables: Map<string, Table>,
  references: References,
  geometry: Geometry,
): Promise<void> {
  for (const { offset, clusters } of tables.values()) {
    const view = new DataView(new ArrayBuffer(geometry.clusterSize));
    for (const [index, { entry, bitmap, hosts }] of clusters) {
      const inDataFile = geometry.hasDataFile && (entry.kind === "normal" || entry.kind === "zeroAllocated");
      const hasHost = entry.kind !== "compressed" && (hosts.length > 0 || inDataFile);
      const sole = geometry.hasDataFile || references.get(hosts[0] ?? -1) === 1;
      const copied = entry.copied || (hasHost && sole);
      view.setBigUint64(index * geometry.l2EntrySize, encodeL2Entry({ ...entry, copied }, geometry));
      if (geometry.extendedL2) view.setBigUint64(index * geometry.l2EntrySize + 8, bitmap);
    }
    await backend.write(offset, new Uint8Array(view.buffer));
  }
}

async function writeL1(
  backend: MemoryBackend,
  l1: PlacedL1,
  references: References,
  clusterSize: number,
): Promise<void> {
  for (const { index, offset } of l1.tables) {
    const copied = references.get(offset / clusterSize) === 1;
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, encodeL1Entry({ offset: BigInt(offset), copied, reserved: 0n }));
    await backend.write(l1.offset + index * 8, new Uint8Array(view.buffer));
  }
}

async function writeHead(
  backend: MemoryBackend,
  base: Header,
  parts: ImageParts,
  directoryOffset: number,
): Promise<void> {
  const { options } = parts;
  const extensions: HeaderExtension[] = [...(options.extensions ?? [])];
  if (options.backing?.format !== undefined) extensions.push(backingFormatExtension(options.backing.format));
  if (options.dataFile !== undefined) extensions.push(dataFileExtension(options.dataFile));
  if (parts.bitmapDirectory !== undefined) {
    const directorySize = BigInt(parts.bitmapDirectory.length);
    extensions.push({
      type: "bitmaps",
      count: parts.bitmapCount,
      directorySize,
      directoryOffset: BigInt(directoryOffset),
    });
  }
  const encoded = encodeHeaderExtensions(extensions);
  const name = new TextEncoder().encode(options.backing?.name ?? "");
  const headerLength = options.header?.headerLength ?? base.headerLength;
  const nameOffset = headerLength + encoded.length;
  const withName =
    name.length === 0 ? {} : { backingFileOffset: BigInt(nameOffset), backingFileSize: name.length };
  await backend.write(0, encodeHeader({ ...base, ...withName, ...options.header }));
  await backend.write(headerLength, encoded);
  await backend.write(nameOffset, name);
}

async function trimZeros(backend: MemoryBackend): Promise<void> {
  const bytes = backend.toBytes();
  await backend.resize(bytes.findLastIndex((byte) => byte !== 0) + 1);
}

async function dataBackend(parts: ImageParts): Promise<MemoryBackend> {
  const data = new MemoryBackend({ label: parts.options.dataFile ?? "data", size: parts.options.size });
  for (const { offset, bytes } of parts.dataContents) await data.write(offset, bytes);
  await data.resize(parts.options.size);
  return data;
}
