// What the guest can read of an image, as digests: its disk, and that of each internal snapshot. Owns which disks there
// are, and that two such lists must be the same.

import { createHash } from "node:crypto";
import type { LongOptions } from "@qcow/block";
import { CommandError, type OpenImage } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import { DEFAULT_ALGORITHM, guestDigest } from "../sha/guest-digest.js";

export interface DiskDigest {
  /** Absent for the current disk. */
  readonly snapshot?: { readonly id: string; readonly name: string };
  readonly algorithm: string;
  /** Lower-case hexadecimal, as `sha` prints it. */
  readonly digest: string;
  /** Length of the disk in bytes. */
  readonly "virtual-size": number;
}

/** Opens the disk of a snapshot, by its id, or the current one. */
export type DiskOpener = (snapshot?: string) => Promise<OpenImage>;

/** The current disk first, then the snapshots in their order. Progress is in bytes, as near as snapshots tell their length. */
export async function diskDigests(
  open: DiskOpener,
  { signal, onProgress }: LongOptions,
): Promise<DiskDigest[]> {
  const digests: DiskDigest[] = [];
  // The current disk, and behind it the snapshots, which are known once it is open.
  const snapshots: DiskDigest["snapshot"][] = [undefined];
  let before = 0;
  for (const [index, snapshot] of snapshots.entries()) {
    const image = await open(snapshot?.id);
    try {
      const { reader } = image;
      if (index === 0) snapshots.push(...reader.metadata.snapshots.map(({ id, name }) => ({ id, name })));
      const size = reader.virtualSize;
      const step: LongOptions = {
        signal,
        onProgress: ({ done }) =>
          onProgress?.({ done: before + done, total: before + size * (snapshots.length - index) }),
      };
      const digest = await guestDigest(reader, createHash(DEFAULT_ALGORITHM), step);
      const named = snapshot === undefined ? {} : { snapshot };
      digests.push({ ...named, algorithm: DEFAULT_ALGORITHM, digest, "virtual-size": size });
      before += size;
    } finally {
      await image.close();
    }
  }
  return digests;
}

/** How messages call the disk. */
export function diskName({ snapshot }: DiskDigest): string {
  return snapshot === undefined
    ? "the disk"
    : `snapshot ${printable(snapshot.id)} (${printable(snapshot.name)})`;
}

/** Throws `CLI_VERIFY_FAILED` unless both lists are of the same disks, with the same contents. */
export function requireSameDisks(
  filename: string,
  before: readonly DiskDigest[],
  after: readonly DiskDigest[],
): void {
  const other = before.find((disk, index) => !isSame(disk, after[index]));
  if (other === undefined && before.length === after.length) return;
  const what =
    other === undefined
      ? "there are other snapshots"
      : `${diskName(other)} had the ${other.algorithm} ${other.digest}, and has another one now`;
  throw new CommandError(
    "CLI_VERIFY_FAILED",
    `${filename} does not read as it did before: ${what}. The image must not be used`,
    {
      hint: "Take the disk from a backup. The storage is failing, or this is a bug in qcow: please report it.",
    },
  );
}

function isSame(one: DiskDigest, other: DiskDigest | undefined): boolean {
  return (
    one.digest === other?.digest &&
    one["virtual-size"] === other["virtual-size"] &&
    one.snapshot?.id === other.snapshot?.id
  );
}
