// Images with free clusters in front of whatever they hold, which is what compaction is for. Owns their usual shape.

import { ImageBuilder, type ImageOptions } from "../image-builder.js";
import type { Random } from "../random.js";

export const CLUSTER_BITS = 12;
export const CLUSTER = 2 ** CLUSTER_BITS;
export const CLUSTERS = 64;

/** A disk of 64 clusters with `gap` free clusters in front of all that follows. */
export function sparse(changes: Partial<ImageOptions> = {}, gap = 3): ImageBuilder {
  const clusterSize = 2 ** (changes.clusterBits ?? CLUSTER_BITS);
  return new ImageBuilder({
    clusterBits: CLUSTER_BITS,
    size: CLUSTERS * clusterSize,
    gap: () => gap,
    ...changes,
  });
}

/** Random bytes in the clusters from `from` up to `to`. */
export function fill(builder: ImageBuilder, random: Random, from = 0, to = 40): void {
  for (let cluster = from; cluster < to; cluster++)
    builder.data(cluster, random.bytes(builder.geometry.clusterSize));
}
