// What `map` answers: runs of the guest's disk and where their contents come from. Owns the shapes
// only; mapping/ fills them.

/** One run of the guest's disk with the same answer throughout, as `qemu-img map` gives it. */
export interface Extent {
  /** Guest offset in bytes. */
  readonly start: number;
  /** Length in bytes, more than 0. */
  readonly length: number;
  /** The layer that gave the answer: 0 is the image itself, 1 its backing file, and so on. */
  readonly depth: number;
  /** Whether any layer of the chain holds the range; if not, it reads as zero. */
  readonly present: boolean;
  /** Whether the range reads as zero without looking at data. */
  readonly zero: boolean;
  /** Whether contents are stored. */
  readonly data: boolean;
  /** Whether the contents are stored compressed. */
  readonly compressed: boolean;
  /** Where the run starts in the layer's file (or its data file); absent when nothing plain is stored there. */
  readonly offset?: number;
}

/** Flag bits of `ExtentBatch.flags`. */
export const ExtentFlag = {
  present: 1,
  zero: 2,
  data: 4,
  compressed: 8,
  hasOffset: 16,
} as const;

/**
 * Many extents in typed arrays, for maps of millions of runs; entry i is `start[i]`, `length[i]`, … for
 * i < `count`. The arrays are reused: an entry is valid until the next batch is asked for.
 */
export interface ExtentBatch {
  count: number;
  /** Guest offsets in bytes. */
  readonly start: Float64Array;
  /** Lengths in bytes. */
  readonly length: Float64Array;
  /** Offsets in the layer's file; meaningful only with `ExtentFlag.hasOffset`. */
  readonly offset: Float64Array;
  /** Depths. */
  readonly depth: Uint16Array;
  /** Bits of `ExtentFlag`. */
  readonly flags: Uint8Array;
}
