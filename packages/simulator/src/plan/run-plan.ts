// Everything that a run is going to do, drawn from its seed: data, and the same on every machine. Owns the proportions.

import { Random } from "../random.js";
import { drawOperation, type Operation, type RunKind } from "./operation.js";
import { drawShape, type ImageShape } from "./shape.js";

export interface RunPlan {
  readonly seed: number;
  readonly kind: RunKind;
  readonly shape: ImageShape;
  readonly operations: readonly Operation[];
  /** How many crash points are judged on the way. */
  readonly crashes: number;
  /** Seed of everything that is decided on the way: the order of completions, when crashes come, what they leave. */
  readonly chanceSeed: number;
}

export const RUN_KINDS: readonly RunKind[] = ["plain", "crash", "fault", "compact", "recycle"];

/** The run of `seed`, of the kind that `only` says, or any. */
export function planRun(seed: number, crashes: number, only?: RunKind): RunPlan {
  const random = new Random(seed);
  const drawn = random.weighted([
    [3, "plain"],
    [4, "crash"],
    [3, "fault"],
    [3, "compact"],
    [3, "recycle"],
  ] as const);
  const kind = only ?? drawn;
  const chanceSeed = random.bits();
  const drawnShape = drawShape(random);
  const shape = kind === "recycle" ? recycled(drawnShape, random) : drawnShape;
  const count = shape.clusterBits > 17 ? random.between(10, 30) : random.between(20, 120);
  const operations: Operation[] = [];
  let together = 1;
  let hot = 0;
  for (let index = 0; index < count; index++) {
    // Phases: some clusters are in favour for a while, and so is a number of operations at a time.
    if (index % 15 === 0) {
      hot = random.below(shape.sizeMax);
      together = random.pick([1, 2, 4, 8]);
    }
    operations.push(drawOperation(random, shape, kind, hot, together));
  }
  return { seed, kind, shape, operations, crashes, chanceSeed };
}

/** The same image, and whatever is free in it is used to make it shorter. */
function recycled(shape: ImageShape, random: Random): ImageShape {
  return {
    ...shape,
    dataFile: undefined,
    snapshots: random.chance(0.2) ? shape.snapshots : 0,
    recycling: { keepErased: random.pick([0, 0, 2]), compactAfter: random.pick([1, 2]) },
    fills: 20,
  };
}
