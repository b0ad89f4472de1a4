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

/** Whether `parts` are one whole cluster, which needs no copy, and nothing to be kept. */
export function isWholeCluster(parts: readonly ClusterPart[], clusterSize: number): boolean {
  return parts.length === 1 && parts[0]?.target.byteLength === clusterSize;
}

/** Fills `parts` from the `contents` of their cluster. Usually there is one; an image may name one stream for many clusters. */
export function fillParts(contents: Uint8Array, parts: readonly ClusterPart[]): void {
  for (const { guest, target } of parts) {
    const within = guest % contents.byteLength;
    target.set(contents.subarray(within, within + target.byteLength));
  }
}

/** Decompresses the cluster that `stream` holds, once, and fills `parts` from it. */
export async function readCompressed(
  cluster: CompressedCluster,
  stream: Uint8Array,
  parts: readonly ClusterPart[],
  compression: CompressionBackend | undefined,
  options: IoOptions,
): Promise<void> {
  const first = parts[0] as ClusterPart;
  const isWhole = isWholeCluster(parts, cluster.clusterSize);
  const output = isWhole ? first.target : new Uint8Array(cluster.clusterSize);
  await decompressCluster(cluster, stream, output, first.guest, compression, options);
  if (!isWhole) fillParts(output, parts);
}

/** Decompresses the cluster that `stream` holds into `output`, for guest offset `guest`. */
export async function decompressCluster(
  cluster: CompressedCluster,
  stream: Uint8Array,
  output: Uint8Array,
  guest: number,
  compression: CompressionBackend | undefined,
  options: IoOptions,
): Promise<void> {
  if (compression === undefined) {
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `${cluster.label} has compressed clusters, and no compression backend was given`,
    );
  }
  try {
    await compression.decompress(cluster.method, stream, output, options);
  } catch (error) {
    throw isBackendError(error, "BACKEND_BAD_STREAM") ? badStream(cluster, guest, error) : error;
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
