// An image put together byte by byte, for tests: where each thing lies is the test's choice, also where none may lie.

import { encodeHeader, encodeHeaderExtensions, type Header, type HeaderExtension } from "@qcow/format";

const COPIED = 1n << 63n;

export interface MadeHeader extends Partial<Header> {
  readonly extensions?: readonly HeaderExtension[];
  readonly backingFile?: string;
}

export class MadeImage {
  readonly bytes: Uint8Array;
  readonly clusterSize: number;
  readonly #view: DataView;

  /** A file of `clusters` clusters, all zero. */
  constructor(clusters: number, clusterBits = 16) {
    this.clusterSize = 2 ** clusterBits;
    this.bytes = new Uint8Array(clusters * this.clusterSize);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Version 3, with lazy refcounts and the dirty bit, unless told otherwise. */
  header({ extensions = [], backingFile = "", ...fields }: MadeHeader): this {
    const extensionBytes = encodeHeaderExtensions(extensions);
    const nameAt = 112 + extensionBytes.length;
    const header: Header = {
      version: 3,
      backingFileOffset: backingFile === "" ? 0n : BigInt(nameAt),
      backingFileSize: backingFile.length,
      clusterBits: Math.log2(this.clusterSize),
      size: 1024n ** 3n,
      cryptMethod: 0,
      l1Size: 2,
      l1TableOffset: BigInt(2 * this.clusterSize),
      refcountTableOffset: BigInt(this.clusterSize),
      refcountTableClusters: 1,
      nbSnapshots: 0,
      snapshotsOffset: 0n,
      incompatibleFeatures: 1n,
      compatibleFeatures: 1n,
      autoclearFeatures: 0n,
      refcountOrder: 4,
      headerLength: 112,
      compressionType: 0,
      unknownFields: new Uint8Array(0),
      ...fields,
    };
    this.bytes.set(encodeHeader(header), 0);
    this.bytes.set(extensionBytes, 112);
    this.text(nameAt, backingFile);
    return this;
  }

  /** Has entry `index` of the table in cluster `table` name cluster `target`, which is its own unless it is shared. */
  entry(table: number, index: number, target: number, isShared = false): this {
    const offset = BigInt(target * this.clusterSize);
    return this.word(table * this.clusterSize + index * 8, isShared ? offset : COPIED | offset);
  }

  /** 64 bits at an offset in bytes. */
  word(offset: number, value: bigint): this {
    this.#view.setBigUint64(offset, value);
    return this;
  }

  /** Text at an offset in bytes, `times` over. */
  text(offset: number, text: string, times = 1): this {
    this.bytes.set(new TextEncoder().encode(text.repeat(times)), offset);
    return this;
  }

  put(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }
}

/** A disk of 1 GiB with one sector written at 0 and one at 512 MiB, as qcow-tool lays it out. */
export function exampleImage(): MadeImage {
  return new MadeImage(7).header({}).entry(2, 0, 3).entry(3, 0, 4).entry(2, 1, 5).entry(5, 0, 6);
}
