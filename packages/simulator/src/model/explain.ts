// Compares what was found with what may be there. Owns the comparison and its words.

import type { GuestWrite } from "./guest-write.js";
import type { Segment } from "./segments.js";

/**
 * What is wrong with `found`, the bytes of the disk from `offset` on: undefined when each byte outside `segments`, which
 * are sorted, is that of `base`, and each in them is one of a version that `possible` gives.
 */
export function explain(
  found: Uint8Array,
  offset: number,
  base: Uint8Array,
  segments: readonly Segment[],
  possible: (segment: Segment) => readonly GuestWrite[],
): string | undefined {
  let at = offset;
  for (const segment of segments) {
    const problem =
      compare(found, offset, base, at, segment.start) ?? judge(found, offset, segment, possible(segment));
    if (problem !== undefined) return problem;
    at = segment.end;
  }
  return compare(found, offset, base, at, offset + found.length);
}

function compare(
  found: Uint8Array,
  offset: number,
  base: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  if (start >= end) return undefined;
  const actual = found.subarray(start - offset, end - offset);
  const wanted = base.subarray(start, end);
  if (Buffer.compare(actual, wanted) === 0) return undefined;
  const index = actual.findIndex((byte, position) => byte !== wanted[position]);
  return `byte ${start + index} is ${actual[index]} and must be ${wanted[index]}, which was settled`;
}

function judge(
  found: Uint8Array,
  offset: number,
  { start, end }: Segment,
  versions: readonly GuestWrite[],
): string | undefined {
  const actual = found.subarray(start - offset, end - offset);
  if (versions.some((version) => equals(actual, start, version))) return undefined;
  for (let index = 0; index < actual.length; index++) {
    const byte = actual[index];
    if (versions.some((version) => byteAt(version, start + index) === byte)) continue;
    const choices = versions
      .map((version) => [version, byteAt(version, start + index)] as const)
      .filter(([, value]) => value !== undefined)
      .map(([{ what }, value]) => `${value} (${what})`);
    return `byte ${start + index} is ${byte} and may only be ${choices.join(" or ")}`;
  }
  return undefined;
}

function equals(actual: Uint8Array, start: number, { offset, length, bytes }: GuestWrite): boolean {
  if (offset > start || offset + length < start + actual.length) return false;
  if (bytes === undefined) return actual.every((byte) => byte === 0);
  return Buffer.compare(actual, bytes.subarray(start - offset, start - offset + actual.length)) === 0;
}

/** Undefined where the version does not reach. */
function byteAt({ offset, length, bytes }: GuestWrite, at: number): number | undefined {
  if (at < offset || at >= offset + length) return undefined;
  return bytes === undefined ? 0 : bytes[at - offset];
}
