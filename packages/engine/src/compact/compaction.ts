// What the parts of a compaction share: the open disk, what is being moved, and what was done. Owns the shape, and the
// numbers that become the report and the progress.

import type { BlockBackend, CompressionBackend, LongOptions } from "@qcow/block";
import type { ImageMetadata } from "../image-metadata.js";
import type { ActiveDisk } from "../write/open-disk.js";

export interface Compaction {
  readonly backend: BlockBackend;
  readonly disk: ActiveDisk;
  readonly metadata: ImageMetadata;
  /** For streams whose length is not known exactly. */
  readonly compression: CompressionBackend | undefined;
  readonly options: LongOptions;
  readonly tally: CompactionTally;
}

/** What was done so far, over all rounds. */
export class CompactionTally {
  /** Clusters that have a new place, and what was written to copy them, in bytes. */
  clusters = 0;
  bytes = 0;
  /** Places that named a cluster and name it elsewhere now. */
  references = 0;
  readonly #onProgress: LongOptions["onProgress"];
  #total = 0;

  constructor(onProgress: LongOptions["onProgress"]) {
    this.#onProgress = onProgress;
  }

  /** `clusters` more are to be moved. */
  expect(clusters: number): void {
    this.#total += clusters;
    this.#report();
  }

  /** `clusters` were moved. */
  moved(clusters: number): void {
    this.clusters += clusters;
    this.#report();
  }

  #report(): void {
    // The last step is told at the end: streams are not counted beforehand.
    this.#onProgress?.({ done: Math.min(this.clusters, this.#total), total: this.#total + 1 });
  }

  finish(): void {
    this.#onProgress?.({ done: this.#total + 1, total: this.#total + 1 });
  }
}
