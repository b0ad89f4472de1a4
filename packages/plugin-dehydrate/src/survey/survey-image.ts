// Finds all metadata of an image. Owns the order of the finding, each step of which bounds the next; nothing that the image
// claims is believed before it is compared with the length of the file.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { COMPRESSED_SECTOR_BYTES, type Header, SNAPSHOTS_MAX } from "@qcow/format";
import { type ClusterList, ClusterList as Clusters } from "./cluster-list.js";
import type { EntryRules, RefcountRules } from "./entry-sense.js";
import { ImageFile } from "./image-file.js";
import type { Kept } from "./kept.js";
import { Notes } from "./notes.js";
import { Scrub } from "./scrub.js";
import { surveyBitmaps } from "./survey-bitmaps.js";
import { surveyClaims } from "./survey-claims.js";
import { surveyEncryption } from "./survey-encryption.js";
import { type SurveyedHeader, surveyHeader } from "./survey-header.js";
import { surveySnapshots } from "./survey-snapshots.js";
import { surveyTables, type Table } from "./survey-tables.js";

/** L2 tables that are kept in memory, so that they need not be read again: those of 256 GiB with clusters of 64 KiB. */
const TABLE_BYTES_MAX = 32 * 1024 * 1024;

export interface SurveyOptions extends IoOptions {
  /** Replaces names of files, snapshots and bitmaps. */
  readonly scrub?: boolean | undefined;
}

export interface Survey {
  readonly file: ImageFile;
  readonly kept: Kept;
  /** All clusters that something kept lies in. */
  readonly all: ClusterList;
  /** Those of them that the guest's disk claims too. */
  readonly claimed: ClusterList;
  readonly rules: EntryRules;
  readonly refcounts: RefcountRules;
  /** L2 tables, by their offset. */
  readonly tables: ReadonlyMap<number, Uint8Array>;
  readonly notes: Notes;
}

/** Finds the metadata of the image in `source`. Rejects with a `FormatError` for a file that is no qcow2 image. */
export async function surveyImage(source: ReadableBlockBackend, options: SurveyOptions): Promise<Survey> {
  const notes = new Notes();
  const scrub = options.scrub === true ? new Scrub() : undefined;
  const file = await ImageFile.of(source, options);
  const surveyed = await surveyHeader(file, notes, scrub);
  const { header, kept, entryBytes } = surveyed;
  if (header !== undefined) await surveyStructures(file, header, surveyed, notes, scrub);
  const all = kept.allClusters();
  const tables = new Map<number, Uint8Array>();
  const claimed =
    header === undefined
      ? new Clusters()
      : await surveyClaims(file, header, kept, all, entryBytes, tableKeeper(tables, kept.clusterSize));
  for (const index of claimed.sorted)
    notes.add(
      `cluster ${index} holds metadata and is the guest's too: what may be contents is left out of it`,
    );
  const rules = rulesOf(file, header, entryBytes);
  return { file, kept, all, claimed, rules, refcounts: refcountRulesOf(header), tables, notes };
}

async function surveyStructures(
  file: ImageFile,
  header: Header,
  { kept, bitmaps, encryption }: SurveyedHeader,
  notes: Notes,
  scrub: Scrub | undefined,
): Promise<void> {
  const [ofSnapshots, ofBitmaps] = await Promise.all([
    surveySnapshots(file, header, kept, notes, scrub),
    bitmaps === undefined ? [] : surveyBitmaps(file, header, bitmaps, kept, notes, scrub),
    encryption === undefined
      ? undefined
      : surveyEncryption(file, encryption, kept, notes, scrub !== undefined),
  ]);
  const tables: Table[] = [
    {
      kind: "refcount-table",
      offset: Number(header.refcountTableOffset),
      length: header.refcountTableClusters * kept.clusterSize,
      what: "the refcount table",
    },
    {
      kind: "l1",
      offset: Number(header.l1TableOffset),
      length: header.l1Size * 8,
      what: "the active L1 table",
    },
  ];
  await surveyTables(file, [...tables, ...ofSnapshots, ...ofBitmaps], kept, notes);
}

function tableKeeper(tables: Map<number, Uint8Array>, clusterSize: number) {
  let bytesLeft = TABLE_BYTES_MAX;
  return (bytes: Uint8Array, offset: number): void => {
    for (let at = 0; at < bytes.length && bytesLeft >= bytes.length; at += clusterSize)
      tables.set(offset + at, bytes.subarray(at, at + clusterSize));
    bytesLeft -= bytes.length;
  };
}

/** A file that was cut has tables that name places past its end: those are believed as far as the disk could need them. */
function rulesOf(file: ImageFile, header: Header | undefined, entryBytes: 8 | 16): EntryRules {
  const virtualSize = header === undefined ? 0 : Number(header.size);
  return { clusterBits: header?.clusterBits ?? 9, entryBytes, farOffset: 4 * (file.size + virtualSize) };
}

/** Each disk and snapshot references a cluster once, or as often as compressed streams of a sector fit into it. */
function refcountRulesOf(header: Header | undefined): RefcountRules {
  if (header === undefined) return { bits: 0, countMax: 0 };
  const streams = Math.max(64, 2 ** header.clusterBits / COMPRESSED_SECTOR_BYTES);
  return {
    bits: Math.min(64, 2 ** header.refcountOrder),
    countMax: (Math.min(header.nbSnapshots, SNAPSHOTS_MAX) + 1) * streams,
  };
}
