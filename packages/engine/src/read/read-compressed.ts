// Gets one compressed cluster out of its stream (specification: "Compressed Clusters Descriptor"). Owns
// the rule how much of a stream may lie past the end of the file.

import { type CompressionBackend, type CompressionMethod, type IoOptions, isBackendError } from "@qcow/block";
import { EngineError } from "../engine-error.js";

export interface CompressedCluster {
  readonly label: string;
  readonly method: CompressionMethod;
  readonly clusterSize: number;
  /** Host offset in bytes of the stream. */
  readonly host: number;
}

/** A part of a guest cluster that is wanted. */
export interface ClusterPart {
  /** Guest offset in bytes; the part does not leave its cluster. */
  readonly guest: number;
  readonly target: Uint8Array;
}

/**
 * Decompresses the cluster that `stream` holds, once, and fills `parts` from it. Usually there is one part;
 * an image may name one stream for many guest clusters.
 */
export async function readCompressed(
  cluster: CompressedCluster,
  stream: Uint8Array,
  parts: readonly ClusterPart[],
  compression: CompressionBackend | undefined,
  options: IoOptions,
): Promise<void> {
  if (compression === undefined) {
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `${cluster.label} has compressed clusters, and no compression backend was given`,
    );
  }
  const first = parts[0] as ClusterPart;
  const direct = parts.length === 1 && first.target.byteLength === cluster.clusterSize;
  const output = direct ? first.target : new Uint8Array(cluster.clusterSize);
  try {
    await compression.decompress(cluster.method, stream, output, options);
  } catch (error) {
    throw isBackendError(error, "BACKEND_BAD_STREAM") ? badStream(cluster, first.guest, error) : error;
  }
  if (direct) return;
  for (const { guest, target } of parts) {
    const within = guest % cluster.clusterSize;
    target.set(output.subarray(within, within + target.byteLength));
  }
}

function badStream(cluster: CompressedCluster, guest: number, cause: unknown): EngineError {
  return new EngineError(
    "QCOW2_BAD_COMPRESSED_CLUSTER",
    `the compressed cluster for guest offset ${guest} of ${cluster.label}, at offset ${cluster.host}, is damaged`,
    { offset: guest, cause },
  );
}

const SECTOR_BYTES = 512;

/**
 * Whether a stream of `length` bytes at `host` is cut by the end of the file. The length is in whole
 * sectors, of which the last may be cut: the stream itself ends somewhere in it.
 */
export function isCutShort(host: number, length: number, fileSize: number): boolean {
  return host + length >= fileSize + SECTOR_BYTES;
}
