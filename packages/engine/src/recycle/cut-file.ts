// Cuts the file behind its last cluster in use, while the image is in use. Owns what must be durable before.

import type { RecycleContext } from "./recycle-context.js";

/** Makes the file as short as it can be now. */
export async function cutFile(context: RecycleContext): Promise<void> {
  const { committer } = context.disk;
  // The file must name nothing behind its end, and count nothing there: the second commit writes what the first has freed.
  await committer.commit();
  await committer.commit();
  await cutNow(context);
}

/** As `cutFile`, whatever is durable. */
export async function cutNow({ backend, clusterSize, disk, onCut, states }: RecycleContext): Promise<void> {
  await disk.allocator.cut(states.clusters, async (clusters) => {
    await backend.resize(clusters * clusterSize);
    states.cut(clusters);
    onCut(clusters * clusterSize);
  });
}
