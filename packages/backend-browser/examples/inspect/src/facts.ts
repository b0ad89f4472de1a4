// What an image says about itself, as names and values for people. Owns the words; every name that comes out of an
// image passes through `printable`.

import type { ImageMetadata } from "@qcow/engine";
import { isCorrupt, isDirty, printable } from "@qcow/format";
import { sizeText } from "./numbers.js";

/** One line: what it is, and what the image says. */
export type Fact = readonly [name: string, value: string];

export function factsOf(metadata: ImageMetadata): readonly Fact[] {
  const { header, geometry, fileSize, backingFile, dataFile } = metadata;
  const facts: Fact[] = [
    ["Format", `qcow2, version ${header.version}`],
    ["Size of the disk", sizeText(geometry.virtualSize)],
    ["Size of the file", sizeText(fileSize)],
    ["Size of a cluster", sizeText(geometry.clusterSize)],
    ["Compression", geometry.compressionMethod],
    ["Width of a refcount", `${geometry.refcountBits} bits`],
    ["Subclusters", geometry.extendedL2 ? "yes" : "no"],
  ];
  if (backingFile !== undefined) {
    const format = backingFile.format === undefined ? "" : ` (${printable(backingFile.format)})`;
    facts.push(["Backing file", printable(backingFile.name) + format]);
  }
  if (dataFile !== undefined) facts.push(["Data file", printable(dataFile.name)]);
  if (metadata.encryption !== undefined) facts.push(["Encryption", metadata.encryption.format]);
  facts.push(["Snapshots", listOf(metadata.snapshots.map(({ id, name }) => `${id} ${name}`))]);
  facts.push(["Bitmaps", listOf(metadata.bitmaps.map(({ name }) => name))]);
  facts.push(["State", stateOf(metadata)]);
  return facts;
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "none" : `${names.length}: ${names.map(printable).join(", ")}`;
}

function stateOf({ header }: ImageMetadata): string {
  if (isCorrupt(header)) return "marked as corrupt";
  return isDirty(header) ? "not cleanly closed" : "cleanly closed";
}
