// Judges what the recycler has counted: what it says is in use is what something references. Owns the comparison.

import { checkImage } from "@qcow/engine";
import { decodeHeader, geometryOf } from "@qcow/format";
import type { Files } from "../disk/files.js";
import { require } from "../violation.js";
import { atRest } from "./driver.js";

/** `used` are the bytes that the recycler counted last, before the image was closed. */
export async function judgeUsed({ image }: Files, used: number): Promise<void> {
  const { clusterSize } = geometryOf(decodeHeader(image.toBytes(0, 512)));
  const { usedHostClusters } = await atRest(checkImage(image), "checking");
  require(used === usedHostClusters * clusterSize, () => {
    return `the recycler counted ${used / clusterSize} clusters in use, and ${usedHostClusters} are referenced`;
  });
}
