// Which options of a new image go together: fills in the defaults and refuses what no image can be. Pure, and
// complete: what passes here can be laid out, unless it is too large.

import {
  BACKING_FILE_NAME_BYTES_MAX,
  BACKING_FORMAT_BYTES_MAX,
  CLUSTER_BITS_MAX,
  CLUSTER_BITS_MIN,
  type CompressionMethod,
  EXTENDED_L2_CLUSTER_BITS_MIN,
  REFCOUNT_ORDER_MAX,
} from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { CreateOptions, Preallocation } from "./create-options.js";

/** The options with nothing left open. */
export interface SettledOptions {
  /** Whole sectors. */
  readonly size: number;
  readonly clusterBits: number;
  readonly version: 2 | 3;
  readonly refcountOrder: number;
  readonly extendedL2: boolean;
  readonly lazyRefcounts: boolean;
  readonly compressionMethod: CompressionMethod;
  readonly backingFile: { readonly name: string; readonly format: string | undefined } | undefined;
  readonly dataFile: { readonly name: string; readonly raw: boolean } | undefined;
  readonly preallocation: Preallocation;
}

const SECTOR_BYTES = 512;
const PREALLOCATIONS: readonly Preallocation[] = ["off", "metadata", "falloc", "full"];

/** @throws EngineError `QCOW2_BAD_OPTION` for a value or a combination that no image can have. */
export function settleOptions(options: CreateOptions): SettledOptions {
  const { clusterSize = 65536, version = 3, refcountBits = 16, compressionMethod = "deflate" } = options;
  const settled: SettledOptions = {
    size: wholeSectors(options.size),
    clusterBits: Math.log2(clusterSize),
    version,
    refcountOrder: Math.log2(refcountBits),
    extendedL2: options.extendedL2 ?? false,
    lazyRefcounts: options.lazyRefcounts ?? version === 3,
    compressionMethod,
    backingFile: options.backingFile && { ...options.backingFile, format: options.backingFile.format },
    dataFile: options.dataFile && { name: options.dataFile.name, raw: options.dataFile.raw ?? false },
    preallocation: options.preallocation ?? "off",
  };
  checkValues(settled, clusterSize, refcountBits);
  checkVersion(settled);
  checkNames(settled);
  checkCombinations(settled);
  // A reader of the raw data file sees all of the disk, so the mapping must say so too.
  const impliesMetadata = settled.dataFile?.raw === true && settled.preallocation === "off";
  return impliesMetadata ? { ...settled, preallocation: "metadata" } : settled;
}

function wholeSectors(size: number): number {
  const whole = Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
  demand(Number.isSafeInteger(size) && size >= 0, `the size of the disk is no number of bytes: ${size}`);
  demand(
    Number.isSafeInteger(whole),
    `a disk of ${size} bytes is larger than 2^53 - 1 bytes in whole sectors`,
  );
  return whole;
}

function checkValues(settled: SettledOptions, clusterSize: number, refcountBits: number): void {
  const { clusterBits, refcountOrder, version, compressionMethod, preallocation } = settled;
  demand(
    2 ** clusterBits === clusterSize &&
      Number.isInteger(clusterBits) &&
      clusterBits >= CLUSTER_BITS_MIN &&
      clusterBits <= CLUSTER_BITS_MAX,
    `a cluster cannot have ${clusterSize} bytes; it has a power of 2 from 512 to 2 MiB`,
  );
  demand(
    2 ** refcountOrder === refcountBits &&
      Number.isInteger(refcountOrder) &&
      refcountOrder >= 0 &&
      refcountOrder <= REFCOUNT_ORDER_MAX,
    `a refcount cannot have ${refcountBits} bits; it has a power of 2 from 1 to 64`,
  );
  demand(version === 2 || version === 3, `there is no version ${version}; there are 2 and 3`);
  demand(
    compressionMethod === "deflate" || compressionMethod === "zstd",
    `compressed clusters are deflate or zstd, not ${compressionMethod}`,
  );
  demand(PREALLOCATIONS.includes(preallocation), `there is no preallocation ${preallocation}`);
}

function checkVersion(settled: SettledOptions): void {
  if (settled.version === 3) return;
  const without = (feature: boolean, what: string): void =>
    demand(!feature, `version 2 (compat 0.10) has no ${what}; that needs version 3 (compat 1.1)`);
  without(settled.refcountOrder !== 4, "refcounts of another width than 16 bits");
  without(settled.lazyRefcounts, "lazy refcounts");
  without(settled.extendedL2, "extended L2 entries");
  without(settled.compressionMethod !== "deflate", "compression but deflate");
  without(settled.dataFile !== undefined, "external data files");
}

function checkNames({ backingFile, dataFile }: SettledOptions): void {
  if (dataFile !== undefined) checkName("data file", dataFile.name, Number.POSITIVE_INFINITY);
  if (backingFile === undefined) return;
  checkName("backing file", backingFile.name, BACKING_FILE_NAME_BYTES_MAX);
  if (backingFile.format !== undefined)
    checkName("format of the backing file", backingFile.format, BACKING_FORMAT_BYTES_MAX);
}

function checkName(what: string, name: string, bytesMax: number): void {
  demand(name !== "", `the name of the ${what} is empty`);
  demand(!name.includes("\0"), `the name of the ${what} contains a NUL`);
  // Half a surrogate pair would be recorded as another name.
  demand(!/\p{Surrogate}/u.test(name), `the name of the ${what} cannot be written as UTF-8`);
  const { length } = new TextEncoder().encode(name);
  demand(length <= bytesMax, `the name of the ${what} has ${length} bytes, at most ${bytesMax} are allowed`);
}

function checkCombinations(settled: SettledOptions): void {
  const { backingFile, dataFile, extendedL2, clusterBits, preallocation } = settled;
  demand(
    !extendedL2 || clusterBits >= EXTENDED_L2_CLUSTER_BITS_MIN,
    `extended L2 entries need clusters of at least ${2 ** EXTENDED_L2_CLUSTER_BITS_MIN} bytes`,
  );
  demand(
    backingFile === undefined || dataFile?.raw !== true,
    "a raw data file has all of the disk, so there cannot be a backing file too",
  );
  demand(
    backingFile === undefined || preallocation === "off" || extendedL2,
    "preallocated clusters would hide the backing file; both go together only with extended L2 entries",
  );
}

function demand(condition: boolean, problem: string): void {
  if (!condition) throw new EngineError("QCOW2_BAD_OPTION", problem);
}
