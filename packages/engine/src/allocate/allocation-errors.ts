// The errors of those who give out clusters. Owns their words.

import type { Geometry } from "@qcow/format";
import { EngineError } from "../engine-error.js";

/** The tables say different things about the cluster at host offset `offset`, in bytes. */
export function contradiction(label: string, offset: number): EngineError {
  return new EngineError(
    "QCOW2_CORRUPT",
    `the tables of ${label} contradict each other about the cluster at offset ${offset}; repair the image before writing to it`,
    { offset },
  );
}

/** The format has no numbers for more clusters. */
export function tooLarge(label: string, { clusterSize, refcountBits }: Geometry): EngineError {
  return new EngineError(
    "QCOW2_IMAGE_TOO_LARGE",
    `${label} cannot grow further with clusters of ${clusterSize} bytes and refcounts of ${refcountBits} bits`,
  );
}
