// What a power loss leaves of changes that were not flushed: which of them, and which sectors of each. Owns the ways
// in which disks lose things, drawn from random bits; knows nothing of backends.

import type { DiskContents } from "./disk-contents.js";

/** Bytes that reach the disk together or not at all. */
const SECTOR_BYTES = 512;

/** A source of randomness: 32 random bits a call. */
export type RandomBits = () => number;

/** A change to a disk. */
export type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly size: number }
  | { readonly kind: "discard"; readonly offset: number; readonly length: number }
  | { readonly kind: "allocate"; readonly offset: number; readonly length: number };

/** What becomes of one change: it is all there with this probability, or each of its sectors is when it is torn. */
interface Fate {
  readonly probability: number;
  readonly torn: boolean;
}

const WHOLE: Fate = { probability: 1, torn: false };
const GONE: Fate = { probability: 0, torn: false };

/** Applies to `disk` what is left of `changes`, which are in the order in which they would win over each other. */
export function applyRemains(disk: DiskContents, changes: readonly Change[], bits: RandomBits): void {
  const fateOf = drawFates(changes.length, bits);
  for (const [index, change] of changes.entries()) applyRest(disk, change, fateOf(index), bits);
}

// All of these are cases of "any subset, torn anywhere"; drawn evenly, that alone would hardly ever give the plain
// ones, such as that a single write is missing.
function drawFates(count: number, bits: RandomBits): (index: number) => Fate {
  const chosen = count === 0 ? 0 : bits() % count;
  const chosenFate = [GONE, { probability: 0.5, torn: true }, WHOLE][bits() % 3] as Fate;
  const probability = ((bits() % 15) + 1) / 16;
  switch (bits() % 7) {
    case 0:
      return () => ({ probability, torn: true });
    case 1:
      return () => ({ probability, torn: false });
    case 2:
      return () => ({ probability, torn: bits() % 4 === 0 });
    case 3: // The changes up to one of them.
      return (index) => (index < chosen ? WHOLE : index === chosen ? chosenFate : GONE);
    case 4: // The changes after one of them.
      return (index) => (index < chosen ? GONE : index === chosen ? chosenFate : WHOLE);
    case 5: // All but one.
      return (index) => (index === chosen ? { probability: 0.25, torn: true } : WHOLE);
    default: // Only one.
      return (index) => (index === chosen ? chosenFate : GONE);
  }
}

function applyRest(disk: DiskContents, change: Change, { probability, torn }: Fate, bits: RandomBits): void {
  const happens = (): boolean => probability >= 1 || bits() < probability * 0x1_0000_0000;
  if (change.kind === "write") {
    const end = change.offset + change.bytes.length;
    forEachRun(change.offset, end, torn, happens, (from, to) => {
      disk.write(from, change.bytes.subarray(from - change.offset, to - change.offset));
    });
    // The length is the file system's own, and may be there without the bytes.
    if (end > disk.size && probability > 0 && bits() % 2 === 0) disk.resize(end);
  } else if (change.kind === "discard") {
    const end = Math.min(change.offset + change.length, disk.size);
    forEachRun(change.offset, end, torn, happens, (from, to) => disk.discard(from, to - from));
  } else if (happens()) applyChange(disk, change);
}

/** Calls `apply` for the parts of the range that happen: all or nothing, or sector by sector, neighbours together. */
function forEachRun(
  start: number,
  end: number,
  torn: boolean,
  happens: () => boolean,
  apply: (from: number, to: number) => void,
): void {
  if (start >= end) return;
  if (!torn) {
    if (happens()) apply(start, end);
    return;
  }
  let from = start;
  let at = start;
  while (at < end) {
    const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (!happens()) {
      if (from < at) apply(from, at);
      from = next;
    }
    at = next;
  }
  if (from < end) apply(from, end);
}

/** Applies all of `change`. */
export function applyChange(disk: DiskContents, change: Change): void {
  if (change.kind === "write") disk.write(change.offset, change.bytes);
  else if (change.kind === "resize") disk.resize(change.size);
  else if (change.kind === "discard") disk.discard(change.offset, change.length);
  else disk.allocate(change.offset, change.length);
}
