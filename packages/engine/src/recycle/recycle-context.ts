// What the parts of recycling work with. Owns the shape only.

import type { BlockBackend } from "@qcow/block";
import type { Observer } from "../observer.js";
import type { OpenImageOptions } from "../open-image-options.js";
import type { ActiveDisk } from "../write/open-disk.js";
import type { RangeLocks } from "../write/range-locks.js";
import type { ClusterStates } from "./cluster-states.js";
import type { Pace } from "./pace.js";

export interface RecycleContext {
  readonly backend: BlockBackend;
  readonly disk: ActiveDisk;
  readonly states: ClusterStates;
  readonly locks: RangeLocks;
  readonly guestBytesPerL2: number;
  readonly clusterSize: number;
  readonly l2EntrySize: number;
  /** Whether what is erased becomes holes. */
  readonly punchHoles: boolean;
  readonly observer: Observer | undefined;
  /** What a writer owes the image before its first change. */
  readonly prepare: () => Promise<void>;
  /** The file was cut to so many bytes. */
  readonly onCut: (size: number) => void;
  readonly pace: Pace;
  /** See `OpenImageOptions`. */
  readonly breakMoves: OpenImageOptions["breakMoves"];
  /** Aborts when the image is closed. */
  readonly signal: AbortSignal;
}
