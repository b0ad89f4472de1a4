// The header of an image that a test builds, from the few things tests choose. Owns the usual values.

import { type Geometry, geometryOf, type Header, hasExtendedL2 } from "@qcow/format";

export interface HeaderChoices {
  readonly version?: 2 | 3 | undefined;
  readonly clusterBits?: number | undefined;
  readonly refcountOrder?: number | undefined;
  readonly extendedL2?: boolean | undefined;
  readonly compression?: "deflate" | "zstd" | undefined;
  readonly size: number;
  readonly dataFile?: string | undefined;
  readonly dirty?: boolean | undefined;
  /** Entries of the L1 table; what the size needs when absent. */
  readonly l1Size?: number | undefined;
  /** Whatever else the header should say. */
  readonly header?: Partial<Header> | undefined;
}

/** A header without offsets of tables. */
export function headerFor(choices: HeaderChoices): Header {
  const { version = 3, clusterBits = 16 } = choices;
  const zstd = choices.compression === "zstd";
  let incompatible = choices.dirty === true ? 1n : 0n;
  if (choices.dataFile !== undefined) incompatible |= 4n;
  if (zstd) incompatible |= 8n;
  if (choices.extendedL2 === true) incompatible |= 16n;
  const base: Header = {
    version,
    backingFileOffset: 0n,
    backingFileSize: 0,
    clusterBits,
    size: BigInt(choices.size),
    cryptMethod: 0,
    l1Size: 0,
    l1TableOffset: 0n,
    refcountTableOffset: 0n,
    refcountTableClusters: 0,
    nbSnapshots: 0,
    snapshotsOffset: 0n,
    incompatibleFeatures: incompatible,
    compatibleFeatures: 0n,
    autoclearFeatures: 0n,
    refcountOrder: version === 2 ? 4 : (choices.refcountOrder ?? 4),
    headerLength: version === 2 ? 72 : 112,
    compressionType: zstd ? 1 : 0,
    unknownFields: new Uint8Array(0),
  };
  const l2Bits = clusterBits - (hasExtendedL2(base) ? 4 : 3);
  const l1Size = choices.l1Size ?? Math.ceil(choices.size / 2 ** (clusterBits + l2Bits));
  return { ...base, l1Size };
}

export function geometryFor(choices: HeaderChoices): Geometry {
  return geometryOf(headerFor(choices));
}
