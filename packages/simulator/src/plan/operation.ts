// One step of a workload, as data. Owns which steps are drawn, and how often. Places are bytes of a disk of the largest
// size; whoever executes a step fits it to the disk of that moment.

import type { Pattern } from "../pattern.js";
import type { Random } from "../random.js";
import type { ImageShape } from "./shape.js";

/** What a disk is told to do wrong: once, to the `after`-th operation of its kind from now on. */
export interface PlannedFault {
  readonly kind: "fault";
  readonly file: "image" | "data";
  readonly on: "any" | "read" | "write" | "flush" | "resize" | "discard";
  readonly after: number;
  readonly effect: "fail" | "fail-after" | "short";
}

export type Operation = { readonly together: number } & (
  | {
      readonly kind: "write" | "compressed";
      readonly offset: number;
      readonly length: number;
      readonly pattern: Pattern;
    }
  | { readonly kind: "zeroes"; readonly offset: number; readonly length: number; readonly unmap: boolean }
  | { readonly kind: "discard" | "read"; readonly offset: number; readonly length: number }
  | { readonly kind: "flush" }
  | { readonly kind: "resize"; readonly size: number }
  /** Closes the image and opens it again. */
  | { readonly kind: "reopen" }
  /** Closes the image, compacts it (and puts its clusters in order, perhaps), and opens it again. */
  | { readonly kind: "compact"; readonly defragment: boolean }
  /** Nothing new is asked for while time goes by, so that what happens in the background gets on. */
  | { readonly kind: "rest"; readonly seconds: number }
  /** After this many more completions, the power fails; the run goes on with the disk as it is found. */
  | { readonly kind: "power-loss"; readonly completions: number }
  | PlannedFault
);
// `together` is how many may be under way, this one included, when it starts: 1 to 8.

/** What kind of steps a run has beside the usual ones. */
export type RunKind = "plain" | "crash" | "fault" | "compact" | "recycle";

/** Draws the next step. */
export function drawOperation(
  random: Random,
  shape: ImageShape,
  kind: RunKind,
  hot: number,
  together: number,
): Operation {
  const what = random.weighted(WEIGHTS[kind]);
  switch (what) {
    case "write":
      return { kind: what, together, ...drawRange(random, shape, hot), pattern: drawPattern(random) };
    case "compressed":
      return { kind: what, together, ...drawClusters(random, shape, hot), pattern: drawPattern(random) };
    case "zeroes":
      return { kind: what, together, ...drawRange(random, shape, hot), unmap: random.chance(0.5) };
    case "discard":
    case "read":
      return { kind: what, together, ...drawRange(random, shape, hot) };
    case "flush":
      return { kind: what, together };
    case "resize":
      return { kind: what, together: random.chance(0.5) ? 1 : together, size: drawNewSize(random, shape) };
    case "reopen":
      return { kind: what, together: 1 };
    case "compact":
      return { kind: what, together: 1, defragment: random.chance(0.4) };
    case "rest":
      return { kind: what, together: 8, seconds: random.pick([6, 12, 60]) };
    case "power-loss":
      return { kind: what, together, completions: random.below(20) };
    case "fault":
      return { together, ...drawFault(random, shape) };
  }
}

const USUAL = [
  [40, "write"],
  [5, "compressed"],
  [8, "zeroes"],
  [12, "discard"],
  [12, "read"],
  [10, "flush"],
  [2, "resize"],
  [2, "reopen"],
  [2, "compact"],
  [3, "rest"],
] as const;

const WEIGHTS = {
  plain: USUAL,
  crash: [...USUAL, [3, "power-loss"]],
  fault: [...USUAL, [6, "fault"], [1, "power-loss"]],
  // Much is given up, so that there are holes, and whatever can go wrong goes wrong now and then.
  compact: [...USUAL, [25, "discard"], [5, "compact"], [10, "rest"], [1, "power-loss"], [2, "fault"]],
  // Clusters move while the guest goes on, again and again.
  recycle: [
    [20, "write"],
    [20, "discard"],
    [25, "rest"],
    [5, "read"],
    [3, "flush"],
    [2, "zeroes"],
    [2, "compressed"],
    [1, "resize"],
    [1, "reopen"],
  ],
} as const;

function drawPattern(random: Random): Pattern {
  return { seed: random.bits(), noise: random.chance(0.3) };
}

function drawRange(random: Random, shape: ImageShape, hot: number): { offset: number; length: number } {
  const { sizeMax, clusterBits } = shape;
  const clusterSize = 2 ** clusterBits;
  const near = random.chance(0.6) ? hot + random.below(4 * clusterSize) : random.below(sizeMax);
  const unit = random.pick([1, 512, clusterSize]);
  const place = near % sizeMax;
  const offset = place - (place % unit);
  const long = random.chance(0.05) ? sizeMax : Math.min(sizeMax, random.pick([1, 3, 6]) * clusterSize);
  const length = random.pick([1 + random.below(700), 512, clusterSize, 1 + random.below(long)]);
  return { offset, length: unit === 1 ? length : Math.ceil(length / unit) * unit };
}

function drawClusters(random: Random, shape: ImageShape, hot: number): { offset: number; length: number } {
  const clusterSize = 2 ** shape.clusterBits;
  const { offset } = drawRange(random, shape, hot);
  const clusters = shape.clusterBits > 16 ? 1 : random.between(1, 5);
  return { offset: offset - (offset % clusterSize), length: clusters * clusterSize };
}

function drawNewSize(random: Random, { size, sizeMax, clusterBits }: ImageShape): number {
  const any = random.between(1, sizeMax);
  const around = Math.min(sizeMax, Math.max(1, size + (random.between(-3, 3) << clusterBits)));
  return random.pick([any, around, sizeMax, Math.ceil(any / 512) * 512]);
}

function drawFault(random: Random, shape: ImageShape): PlannedFault {
  return {
    kind: "fault",
    file: shape.dataFile !== undefined && random.chance(0.4) ? "data" : "image",
    on: random.pick(["any", "any", "read", "write", "write", "flush", "resize", "discard"] as const),
    after: 1 + random.below(random.pick([3, 30])),
    effect: random.pick(["fail", "fail-after", "short"] as const),
  };
}
