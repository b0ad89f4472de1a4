// What must be known of a backing file before an image leans on it: that it is there, its size, and all files that it is
// made of, so that none of them is overwritten. Owns the questions; opening is the command's.

import type { ReadableBlockBackend } from "@qcow/block";
import type { OpenImage } from "@qcow/cli-kit";
import { isEngineError, type Qcow2Reader } from "@qcow/engine";

export interface BackingFacts {
  /** Length of its disk in bytes. */
  readonly size: number;
  /** Identities of its files. */
  readonly identities: ReadonlySet<string>;
}

/** Of a raw file, which is closed. */
export async function rawFacts(source: ReadableBlockBackend): Promise<BackingFacts> {
  try {
    const { identity } = source;
    return { size: await source.size(), identities: new Set(identity === undefined ? [] : [identity]) };
  } finally {
    await source.close();
  }
}

/** Of a qcow2 image with its own backing files and data files, which are closed. */
export async function imageFacts(image: OpenImage, signal: AbortSignal): Promise<BackingFacts> {
  const { reader } = image;
  try {
    await openDataFiles(reader, signal);
    return { size: reader.virtualSize, identities: new Set(reader.identities) };
  } finally {
    await image.close();
  }
}

/** Others may be able to read an encrypted image, so leaning on it is fine. */
async function openDataFiles(reader: Qcow2Reader, signal: AbortSignal): Promise<void> {
  try {
    await reader.openContents({ signal });
  } catch (error) {
    if (!isEngineError(error, "QCOW2_ENCRYPTED")) throw error;
  }
}
