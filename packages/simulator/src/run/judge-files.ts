// Judges the files of an image at rest: what they hold, and whether they are sound. Owns what has to hold after a crash,
// and after an orderly end.

import { type CheckReport, checkImage, Qcow2Image, Qcow2Reader } from "@qcow/engine";
import { decodeHeader, hasRawDataAutoclear, isCorrupt, isDirty } from "@qcow/format";
import { copyFiles, type Files, readOptions, writeOptions } from "../disk/files.js";
import { patternBytes } from "../pattern.js";
import type { Random } from "../random.js";
import { require } from "../violation.js";
import { atRest } from "./driver.js";

/** A snapshot in the image, which must stay as it is. */
export interface KeptSnapshot {
  readonly id: string;
  readonly contents: Uint8Array;
}

/** Says what is wrong with the contents of a disk, if anything. */
export type Judge = (found: Uint8Array) => string | undefined;

/** The whole disk, or that of a snapshot, as a reader finds it. */
export async function readDisk(files: Files, snapshot?: string): Promise<Uint8Array> {
  const options = { ...readOptions(files), snapshot };
  const reader = await atRest(Qcow2Reader.open(files.image, options), "opening for reading");
  const contents = new Uint8Array(reader.virtualSize);
  await atRest(reader.read(0, contents), "reading");
  await atRest(reader.close(), "closing a reader");
  return contents;
}

/**
 * Judges what an orderly close has left: `judge` has nothing against it, snapshots are as they were, and a check finds
 * nothing, or leaks where they are allowed. Gives the contents.
 */
export async function judgeClosed(
  files: Files,
  judge: Judge,
  snapshots: readonly KeptSnapshot[],
  leaksAllowed: boolean,
): Promise<void> {
  const header = decodeHeader(files.image.toBytes(0, 512));
  require(!isDirty(header), () => "the dirty bit is set after an orderly close");
  await judgeContents(files, judge, snapshots, "after an orderly close");
  const report = await atRest(checkImage(files.image), "checking");
  judgeReport(report, leaksAllowed, "after an orderly close");
}

/** What a crash left, as far as those who go on with it need to know. */
export interface Remains {
  readonly contents: Uint8Array;
  readonly wasDirty: boolean;
}

/**
 * Judges what a crash has left: `judge` has nothing against the contents, snapshots are as they were, and a check finds
 * leaks at most, or the dirty bit is set. Then the same after opening for writing, some writes, and closing: now without
 * a dirty bit, and without leaks if it was set. `files` stay as they are.
 */
export async function judgeCrash(
  files: Files,
  judge: Judge,
  snapshots: readonly KeptSnapshot[],
  random: Random,
): Promise<Remains> {
  const header = decodeHeader(files.image.toBytes(0, 512));
  require(!isCorrupt(header), () => "the corrupt bit is set after a crash");
  const wasDirty = isDirty(header);
  const contents = await judgeContents(files, judge, snapshots, "after a crash");
  if (!wasDirty) {
    const report = await atRest(checkImage(files.image), "checking");
    judgeReport(report, true, "after a crash");
  }
  const copies = copyFiles(files);
  const expected = await continueWriting(copies, contents, random);
  await judgeClosed(copies, equals(expected), snapshots, !wasDirty);
  return { contents, wasDirty };
}

async function judgeContents(
  files: Files,
  judge: Judge,
  snapshots: readonly KeptSnapshot[],
  when: string,
): Promise<Uint8Array> {
  const contents = await readDisk(files);
  const problem = judge(contents);
  require(problem === undefined, () => `${when}: ${problem}`);
  for (const snapshot of snapshots) {
    const difference = equals(snapshot.contents)(await readDisk(files, snapshot.id));
    require(difference === undefined, () => `${when}, in snapshot ${snapshot.id}: ${difference}`);
  }
  const header = decodeHeader(files.image.toBytes(0, 512));
  if (files.data !== undefined && hasRawDataAutoclear(header)) {
    const raw = new Uint8Array(contents.length);
    raw.set(files.data.toBytes(0, contents.length));
    const difference = judge(raw);
    require(difference === undefined, () => `${when}, in the raw data file: ${difference}`);
  }
  return contents;
}

function judgeReport(report: CheckReport, leaksAllowed: boolean, when: string): void {
  const { corruptions, checkErrors, leaks, findings } = report;
  const isSound = corruptions === 0 && checkErrors === 0 && (leaksAllowed || leaks === 0);
  require(isSound, () => {
    const counts = `${corruptions} corruptions, ${checkErrors} errors, ${leaks} leaks`;
    const texts = findings.slice(0, 5).map(({ code, message }) => `${code}: ${message}`);
    return `${when}, a check finds ${counts}: ${texts.join("; ")}`;
  });
}

function equals(expected: Uint8Array): Judge {
  return (found) => {
    if (found.length !== expected.length)
      return `the disk has ${found.length} bytes and must have ${expected.length}`;
    if (Buffer.compare(found, expected) === 0) return undefined;
    const at = found.findIndex((byte, index) => byte !== expected[index]);
    return `byte ${at} is ${found[at]} and must be ${expected[at]}`;
  };
}

/** Opens for writing, which repairs; reads; changes a little; closes. Gives the contents that are to be found then. */
async function continueWriting(files: Files, contents: Uint8Array, random: Random): Promise<Uint8Array> {
  const expected = contents.slice();
  const options = writeOptions(files.data, files.backing);
  const image = await atRest(Qcow2Image.open(files.image, options), "opening for writing");
  // What it reads after closing shows the same, so not every time.
  if (random.chance(0.25)) {
    const found = new Uint8Array(image.virtualSize);
    await atRest(image.read(0, found), "reading what is open for writing");
    const difference = equals(expected)(found);
    require(difference === undefined, () => `after opening what a crash left: ${difference}`);
  }
  const changes = expected.length === 0 ? 0 : random.pick([0, 1, 3]);
  for (let index = 0; index < changes; index++) {
    const offset = random.below(expected.length);
    const most = Math.min(expected.length - offset, random.pick([1000, 10_000, 100_000]));
    const length = 1 + random.below(most);
    if (random.chance(0.25)) {
      await atRest(image.discard(offset, length), "discarding");
      expected.fill(0, offset, offset + length);
    } else {
      const bytes = patternBytes({ seed: random.bits(), noise: false }, offset, length);
      await atRest(image.write(offset, bytes), "writing");
      expected.set(bytes, offset);
    }
    if (random.chance(0.3)) await atRest(image.flush(), "flushing");
  }
  await atRest(image.close(), "closing what a crash left");
  return expected;
}
