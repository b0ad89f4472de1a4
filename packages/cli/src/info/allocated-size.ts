// How much of a file the host has really allocated. Owns the one question that backends do not answer:
// only local files have it.

import { statSync } from "node:fs";
import { parseAddress } from "@qcow/cli-kit";

const BLOCK_BYTES = 512;

/** Bytes allocated for the file at `address`; undefined when it is no local file, or the host does not tell. */
export async function allocatedSize(address: string): Promise<number | undefined> {
  const { scheme, location } = parseAddress(address);
  if (scheme !== "file") return undefined;
  try {
    const { blocks } = statSync(location);
    return blocks === undefined ? undefined : blocks * BLOCK_BYTES;
  } catch {
    return undefined;
  }
}
