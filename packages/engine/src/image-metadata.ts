// What an image says about itself, decoded and checked. Owns the shape; read-metadata.ts fills it.

import type {
  BitmapDirectoryEntry,
  Geometry,
  Header,
  HeaderExtension,
  LuksHeader,
  Snapshot,
} from "@qcow/format";

export interface BackingReference {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Format name from the header extension; absent when none is recorded. */
  readonly format?: string | undefined;
}

export interface DataFileReference {
  readonly name: string;
  /** Whether the data file alone is a valid raw image of the disk (autoclear bit 1). */
  readonly raw: boolean;
}

export type Encryption = { readonly format: "aes" } | { readonly format: "luks"; readonly luks: LuksHeader };

/** What the first cluster says. */
export interface ImageHead {
  /** The backend's label. */
  readonly label: string;
  /** Length of the image file in bytes when it was read. */
  readonly fileSize: number;
  readonly header: Header;
  readonly geometry: Geometry;
  readonly extensions: readonly HeaderExtension[];
  readonly backingFile: BackingReference | undefined;
  readonly dataFile: DataFileReference | undefined;
}

/** All of it, tables included. */
export interface ImageMetadata extends ImageHead {
  readonly encryption: Encryption | undefined;
  readonly snapshots: readonly Snapshot[];
  /** Length of the snapshot table in bytes. */
  readonly snapshotTableLength: number;
  /** Persistent bitmaps; none when the header says that they are stale. */
  readonly bitmaps: readonly BitmapDirectoryEntry[];
}
