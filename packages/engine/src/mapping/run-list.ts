// The result of mapping: runs of the guest's disk, in order and without gaps, in typed arrays so that
// millions of them cost no objects. Owns the shape and its growth; who fills it decides the meaning.

/** Where the contents of a run come from. */
export const RunKind = {
  /** Nothing here: the backing file, or zeros where there is none. */
  unallocated: 0,
  /** `host` is where the bytes lie. */
  data: 1,
  /** Reads as zero. */
  zero: 2,
  /** Reads as zero, and `host` is set aside for it. */
  zeroAllocated: 3,
  /** One compressed cluster, or a part of it: `host` is where its stream starts, `extra` the stream's length at most. */
  compressed: 4,
  /** Nothing here, but `host` is set aside for it (subclusters). */
  unallocatedReserved: 5,
  /** The table entry makes no sense: `extra` is an `InvalidReason`. */
  invalid: 6,
} as const;

/** Why a run is `invalid`. */
export const InvalidReason = {
  unaligned: 0,
  zeroFlagInVersion2: 1,
  compressedWithDataFile: 2,
  dataFileOffset: 3,
  subclusterBitmap: 4,
  pastSafeOffsets: 5,
} as const;

export class RunList {
  /** Number of runs. */
  count = 0;
  /** Guest offsets in bytes. */
  start: Float64Array;
  /** Lengths in bytes. */
  length: Float64Array;
  /** Host offsets in bytes, as the kind says. */
  host: Float64Array;
  /** As the kind says. */
  extra: Float64Array;
  /** Values of `RunKind`. */
  kind: Uint8Array;
  /** The layer the run was found in. */
  depth: Uint16Array;

  constructor(capacity = 64) {
    this.start = new Float64Array(capacity);
    this.length = new Float64Array(capacity);
    this.host = new Float64Array(capacity);
    this.extra = new Float64Array(capacity);
    this.kind = new Uint8Array(capacity);
    this.depth = new Uint16Array(capacity);
  }

  /** Guest offset in bytes at which the last run ends; `otherwise` when there is none. */
  end(otherwise: number): number {
    const last = this.count - 1;
    return last < 0 ? otherwise : (this.start[last] as number) + (this.length[last] as number);
  }

  clear(): void {
    this.count = 0;
  }

  push(start: number, length: number, kind: number, host: number, extra: number, depth: number): void {
    if (this.count === this.start.length) this.#grow();
    const index = this.count++;
    this.start[index] = start;
    this.length[index] = length;
    this.kind[index] = kind;
    this.host[index] = host;
    this.extra[index] = extra;
    this.depth[index] = depth;
  }

  #grow(): void {
    const capacity = this.start.length * 2;
    const grown = <T extends Float64Array | Uint8Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.start = grown(this.start, new Float64Array(capacity));
    this.length = grown(this.length, new Float64Array(capacity));
    this.host = grown(this.host, new Float64Array(capacity));
    this.extra = grown(this.extra, new Float64Array(capacity));
    this.kind = grown(this.kind, new Uint8Array(capacity));
    this.depth = grown(this.depth, new Uint16Array(capacity));
  }
}
