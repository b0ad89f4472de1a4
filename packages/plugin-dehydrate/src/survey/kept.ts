// What of an image file is kept: bytes of structures, whole clusters of tables, and bytes that take the place of others. Owns
// the collection; copy/ makes the metadata out of it.

import { ClusterList } from "./cluster-list.js";
import type { ImageFile, Place } from "./image-file.js";

/** How the bytes of a structure are looked at before they are kept: tables of pointers must look like ones. */
export type KeptKind = "plain" | "l1" | "refcount-table" | "bitmap-table";

export interface KeptPlace extends Place {
  readonly kind: KeptKind;
}

/** Bytes that take the place of those of the file. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class Kept {
  readonly clusterSize: number;
  readonly l2Tables = new ClusterList();
  readonly refcountBlocks = new ClusterList();
  readonly bitmapData = new ClusterList();
  readonly places: KeptPlace[] = [];
  readonly patches: Patch[] = [];
  readonly #file: ImageFile;

  constructor(file: ImageFile, clusterSize: number) {
    this.#file = file;
    this.clusterSize = clusterSize;
  }

  /** Keeps the bytes of a structure, as far as the file has them. */
  keep(offset: number, length: number, kind: KeptKind): void {
    const available = this.#file.available({ offset, length });
    if (available > 0) this.places.push({ offset, length: available, kind });
  }

  /** Has `bytes` take the place of what the file has at `offset`. */
  patch(offset: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.patches.push({ offset, bytes });
  }

  /** Whether the file has a cluster that begins at `offset`. */
  isCluster(offset: number): boolean {
    return offset > 0 && offset % this.clusterSize === 0 && offset < this.#file.size;
  }

  /** All clusters that something kept lies in. */
  allClusters(): ClusterList {
    const all = new ClusterList();
    for (const { offset, length } of this.places) {
      const end = Math.ceil((offset + length) / this.clusterSize);
      for (let index = Math.floor(offset / this.clusterSize); index < end; index++) all.add(index);
    }
    for (const list of [this.l2Tables, this.refcountBlocks, this.bitmapData])
      for (const index of list.sorted) all.add(index);
    return all;
  }
}
