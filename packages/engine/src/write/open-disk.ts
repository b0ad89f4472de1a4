// Opens the active disk of an image for changing it: header, refcounts, tables, allocator, committer, wired together.
// Owns which images are refused: what is wrong already must not be made worse.

import type { BlockBackend } from "@qcow/block";
import {
  findExtension,
  type Geometry,
  hasLazyRefcounts,
  isCorrupt,
  l1EntryHasReservedBits,
} from "@qcow/format";
import { Allocator } from "../allocate/allocator.js";
import { CompressedSpace } from "../allocate/compressed-space.js";
import { type HostRange, MetadataPlaces } from "../allocate/metadata-places.js";
import { PendingFrees } from "../allocate/pending-frees.js";
import { RefcountStore } from "../allocate/refcount-store.js";
import { Committer } from "../commit/committer.js";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import { wholeSectors } from "../layers/whole-sectors.js";
import type { OpenImageOptions } from "../open-image-options.js";
import { METADATA_CACHE_BYTES_DEFAULT } from "../open-options.js";
import { Moves } from "../recycle/moves.js";
import { ActiveTables } from "../tables/active-tables.js";
import { DirtyTable } from "../tables/dirty-table.js";
import { HeaderStore } from "../tables/header-store.js";
import { L1Table } from "../tables/l1-table.js";
import { L2Store } from "../tables/l2-store.js";
import { readAvailable } from "../tables/read-available.js";
import { SharedTables } from "../tables/shared-tables.js";

const ENTRY_BYTES = 8;

/** The parts of a disk that is being changed. */
export interface ActiveDisk {
  readonly header: HeaderStore;
  readonly refcounts: RefcountStore;
  readonly tables: ActiveTables;
  readonly sharedTables: SharedTables;
  readonly places: MetadataPlaces;
  readonly pending: PendingFrees;
  readonly allocator: Allocator;
  readonly compressedSpace: CompressedSpace;
  readonly committer: Committer;
  /** Clusters that are moved while the disk is in use. */
  readonly moves: Moves;
  /** Refcounts reach the file when the image is closed. */
  readonly lazy: boolean;
  /** Length in bytes of the image file when it was opened. */
  readonly lengthAtOpen: number;
}

/** Rejects `QCOW2_CORRUPT`, `QCOW2_ENCRYPTED` or `QCOW2_REFERENCE_OUTSIDE_FILE` for an image that must not be changed. */
export async function openDisk(
  backend: BlockBackend,
  metadata: ImageMetadata,
  dataFile: BlockBackend | undefined,
  options: OpenImageOptions,
  isRepaired: boolean,
): Promise<ActiveDisk> {
  refuseUnwritable(metadata);
  const { geometry, header: fields, fileSize, label } = metadata;
  const header = new HeaderStore(backend, fields);
  const pending = new PendingFrees();
  const places = new MetadataPlaces(geometry.clusterSize);
  const refcounts = await RefcountStore.open(backend, fields, geometry, fileSize, isRepaired);
  const l1 = await readL1(backend, metadata);
  addHeaderPlaces(places, metadata, refcounts);
  const firstCluster = places.headerEnd();
  addL2Places(places, metadata, l1);
  const allocator = new Allocator({
    store: refcounts,
    places,
    pending,
    fileSize,
    firstCluster,
    label,
    onCorrupt: () => void header.setCorrupt().catch(() => undefined),
    reuseFreedAtOnce: options.reuseFreedAtOnce,
  });
  const l2 = new L2Store(backend, {
    tableBytes: geometry.clusterSize,
    bytesMax: options.metadataCacheBytes ?? METADATA_CACHE_BYTES_DEFAULT,
    observer: options.observer,
  });
  const virtualSize = wholeSectors(geometry.virtualSize);
  const l1Entries = fields.l1Size;
  const tables = new ActiveTables({
    geometry,
    l1,
    l1Entries,
    virtualSize,
    l2,
    allocator,
    places,
    pending,
    label,
  });
  const compressedSpace = new CompressedSpace(allocator);
  const lazy = fields.version >= 3 && (options.refcounts ?? lazyOrStrict(metadata)) === "lazy";
  const punchHoles = options.punchHoles ?? true;
  const { observer } = options;
  const sharedTables = new SharedTables(backend, fileSize);
  const moves = new Moves();
  const parts = { header, refcounts, tables, sharedTables, pending, moves, allocator, compressedSpace, lazy };
  const committer = new Committer({ backend, dataFile, ...parts, punchHoles, observer });
  return { ...parts, places, committer, lengthAtOpen: fileSize };
}

function lazyOrStrict({ header }: ImageMetadata): "lazy" | "strict" {
  return hasLazyRefcounts(header) ? "lazy" : "strict";
}

function refuseUnwritable({ header, encryption, label }: ImageMetadata): void {
  if (isCorrupt(header)) {
    throw new EngineError("QCOW2_CORRUPT", `${label} is marked corrupt; repair it before writing to it`);
  }
  if (encryption !== undefined) {
    throw new EngineError(
      "QCOW2_ENCRYPTED",
      `the contents of ${label} are encrypted; writing is not supported`,
    );
  }
}

/** The L1 table with the rest of its last cluster, which has room for more entries. */
async function readL1(
  backend: BlockBackend,
  { header, geometry, fileSize }: ImageMetadata,
): Promise<DirtyTable> {
  const offset = Number(header.l1TableOffset);
  // A disk of no bytes has a table of no entries, whose offset means nothing: QEMU writes 0.
  const clusters = Math.ceil((header.l1Size * ENTRY_BYTES) / geometry.clusterSize);
  const bytes = new Uint8Array(clusters * geometry.clusterSize);
  bytes.set(await readAvailable(backend, offset, header.l1Size * ENTRY_BYTES, fileSize));
  return new DirtyTable(offset, bytes, false);
}

function addHeaderPlaces(places: MetadataPlaces, metadata: ImageMetadata, refcounts: RefcountStore): void {
  const { header, geometry, label } = metadata;
  const { clusterSize } = geometry;
  places.add(0, clusterSize);
  places.setClaims(claimsOf(metadata), metadata.fileSize);
  // What will be written to must be nothing else.
  addOwn(places, Number(header.l1TableOffset), header.l1Size * ENTRY_BYTES, "the L1 table", label);
  const { offset, clusters } = refcounts.place;
  addOwn(places, offset, clusters * clusterSize, "the refcount table", label);
  for (let index = 0; index < refcounts.entries; index++) {
    const block = refcounts.blockOffset(index);
    if (block !== 0) addOwn(places, block, clusterSize, `refcount block ${index}`, label);
  }
}

/** What is not written to, but must not be overwritten either. */
function claimsOf({
  header,
  snapshots,
  snapshotTableLength,
  bitmaps,
  extensions,
}: ImageMetadata): HostRange[] {
  const claims: HostRange[] = snapshots.map(({ l1TableOffset, l1Size }) => ({
    offset: Number(l1TableOffset),
    length: l1Size * ENTRY_BYTES,
  }));
  if (snapshots.length > 0) {
    claims.push({ offset: Number(header.snapshotsOffset), length: snapshotTableLength });
  }
  const directory = bitmaps.length > 0 ? findExtension(extensions, "bitmaps") : undefined;
  if (directory !== undefined) {
    claims.push({ offset: Number(directory.directoryOffset), length: Number(directory.directorySize) });
  }
  return claims;
}

function addOwn(places: MetadataPlaces, offset: number, length: number, what: string, label: string): void {
  if (places.addNew(offset, length)) return;
  throw new EngineError(
    "QCOW2_CORRUPT",
    `${what} of ${label} lies where other metadata does; repair the image before writing to it`,
    { offset },
  );
}

function addL2Places(places: MetadataPlaces, metadata: ImageMetadata, l1: DirtyTable): void {
  const { header, geometry, fileSize, label } = metadata;
  const table = new L1Table(l1.bytes, header.l1Size);
  // Also those behind the end of the disk: growing it brings them into use.
  for (
    let index = table.nextPresent(0, table.size);
    index < table.size;
    index = table.nextPresent(index + 1, table.size)
  ) {
    const offset = table.l2Offset(index);
    if (!isSound(offset, table.high(index), table.low(index), geometry) || offset >= fileSize) {
      throw new EngineError(
        "QCOW2_CORRUPT",
        `entry ${index} of the L1 table of ${label} makes no sense; repair the image before writing to it`,
        { offset },
      );
    }
    addOwn(places, offset, geometry.clusterSize, `L2 table ${index}`, label);
  }
}

function isSound(offset: number, high: number, low: number, { clusterSize }: Geometry): boolean {
  return offset % clusterSize === 0 && !l1EntryHasReservedBits(high, low);
}
