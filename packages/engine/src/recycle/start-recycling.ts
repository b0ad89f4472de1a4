// Begins to recycle the free space of an image that was opened, if its configuration asks for that. Owns what the
// configuration means in clusters, and which images have nothing to recycle.

import type { BlockBackend } from "@qcow/block";
import { EngineError } from "../engine-error.js";
import type { OpenImageOptions } from "../open-image-options.js";
import type { ActiveDisk } from "../write/open-disk.js";
import type { WriteContext } from "../write/write-context.js";
import { ClusterStates } from "./cluster-states.js";
import { Pace } from "./pace.js";
import type { RecycleContext } from "./recycle-context.js";
import { Recycler } from "./recycler.js";

/** The recycler of `disk`, started; undefined when nothing is to be recycled. The functions are as in the context. */
export async function startRecycling(
  { geometry, locks, punchHoles, label }: WriteContext,
  disk: ActiveDisk,
  { config, time, observer, breakMoves }: OpenImageOptions,
  backend: BlockBackend,
  { prepare, onCut }: Pick<RecycleContext, "prepare" | "onCut">,
): Promise<Recycler | undefined> {
  const { clusterSize, guestBytesPerL2, l2EntrySize } = geometry;
  if (config === undefined || config.keepErasedBytes + config.compactAfterBytes === 0) return undefined;
  if (time === undefined) {
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `no clock was given to recycle the space of ${label} by`,
    );
  }
  const { refcounts } = disk;
  const stop = new AbortController();
  const context = {
    backend,
    disk,
    states: new ClusterStates(observer, (index) => refcounts.has(index) && refcounts.get(index) !== 0),
    locks,
    guestBytesPerL2,
    clusterSize,
    l2EntrySize,
    punchHoles,
    observer,
    prepare,
    onCut,
    breakMoves,
    pace: new Pace(time, locks, stop.signal),
    signal: stop.signal,
  };
  await Recycler.learnStates(context);
  const recycler = new Recycler(
    context,
    {
      time,
      keepErased: Math.floor(config.keepErasedBytes / clusterSize),
      compactAfter:
        config.compactAfterBytes === 0 ? undefined : Math.floor(config.compactAfterBytes / clusterSize),
      runtimeAsserts: config.runtimeAsserts,
    },
    stop,
  );
  recycler.start();
  return recycler;
}
