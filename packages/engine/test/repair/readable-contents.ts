// What of an image can be read: of each disk each guest cluster, or that it cannot be. For comparing before and after.

import type { MemoryBackend } from "@qcow/backend-memory";
import { expect } from "vitest";
import { Qcow2Reader } from "../../src/index.js";
import { sameBytes } from "../expect-disk.js";
import { compression } from "../streams.js";

/** By disk (a snapshot's id, or "" for the active one) and cluster; undefined where reading fails. */
export type Contents = ReadonlyMap<string, readonly (Uint8Array | undefined)[] | undefined>;

export async function readableContents(
  file: MemoryBackend,
  data: MemoryBackend | undefined,
  snapshots: readonly string[],
): Promise<Contents> {
  const contents = new Map<string, readonly (Uint8Array | undefined)[] | undefined>();
  for (const id of ["", ...snapshots]) contents.set(id, await readDisk(file, data, id));
  return contents;
}

async function readDisk(
  file: MemoryBackend,
  data: MemoryBackend | undefined,
  id: string,
): Promise<(Uint8Array | undefined)[] | undefined> {
  const openReference = async () => ({ backend: (data as MemoryBackend).snapshot() });
  let reader: Qcow2Reader;
  try {
    reader = await Qcow2Reader.open(file, {
      compression,
      openReference,
      ...(id === "" ? {} : { snapshot: id }),
    });
  } catch {
    return undefined;
  }
  const { clusterSize } = reader.metadata.geometry;
  const clusters: (Uint8Array | undefined)[] = [];
  for (let at = 0; at < reader.virtualSize; at += clusterSize) {
    const target = new Uint8Array(Math.min(clusterSize, reader.virtualSize - at));
    clusters.push(
      await reader.read(at, target).then(
        () => target,
        () => undefined,
      ),
    );
  }
  await reader.close();
  return clusters;
}

/** Fails unless everything that `before` has is the same in `after`. */
export function expectNothingLost(before: Contents, after: Contents, when: string): void {
  for (const [id, disk] of before) {
    if (disk === undefined) continue;
    const now = after.get(id);
    if (now === undefined) expect.fail(`${when}: disk "${id}" cannot be opened any more`);
    disk.forEach((bytes, cluster) => {
      if (bytes === undefined) return;
      const found = now[cluster];
      if (found === undefined || !sameBytes(found, bytes))
        expect.fail(`${when}: guest cluster ${cluster} of disk "${id}" is not what it was`);
    });
  }
}
