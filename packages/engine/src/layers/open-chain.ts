// Opens an image and what it stands on: its backing files, and lazily its data file. Owns the limits of
// a chain: depth, loops, formats that were guessed. What may be opened at all is the caller's policy.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { printable } from "@qcow/format";
import { EngineError } from "../engine-error.js";
import type { ImageMetadata } from "../image-metadata.js";
import {
  CHAIN_DEPTH_MAX,
  METADATA_CACHE_BYTES_DEFAULT,
  type OpenedReference,
  type OpenOptions,
  type Reference,
} from "../open-options.js";
import { readMetadata } from "../read-metadata.js";
import { CacheShare } from "../tables/cache-share.js";
import type { MappingTables } from "../tables/mapping-tables.js";
import type { Layer } from "./layer.js";
import { isQcow2 } from "./probe-format.js";
import { Qcow2Layer } from "./qcow2-layer.js";
import { RawLayer } from "./raw-layer.js";
import { selectDisk } from "./snapshot-disk.js";

/** Layers of a chain, top first, and the files that were opened for it. */
export interface Chain {
  readonly layers: readonly Layer[];
  readonly metadata: ImageMetadata;
  /** Identities of the files that are open, the image included. */
  identities(): Set<string>;
  close(): Promise<void>;
}

/** A file of a chain, before it is known what it holds. */
export interface ChainFile {
  readonly backend: ReadableBlockBackend;
  readonly format: "qcow2" | "raw";
  /** Whether it may name further files. */
  readonly mayReference: boolean;
}

/** What a writer has of the top image already. */
export interface TopDisk {
  readonly tables: MappingTables;
  /** The external data file, where there is one; closed with the chain. */
  readonly dataFile: ReadableBlockBackend | undefined;
}

/**
 * Opens `backend` as a qcow2 image with all it stands on. Does not close `backend`, whatever happens. `openTop` is
 * called with what the image says, for those who change it.
 */
export async function openChain(
  backend: ReadableBlockBackend,
  options: OpenOptions,
  openTop?: (metadata: ImageMetadata) => Promise<TopDisk>,
): Promise<Chain> {
  const layers: Layer[] = [];
  const files: ReadableBlockBackend[] = [];
  const close = async (): Promise<void> => {
    await Promise.allSettled(layers.map((layer) => layer.close()));
    await Promise.allSettled(files.map((file) => file.close()));
  };
  const cacheShare = new CacheShare(options.metadataCacheBytes ?? METADATA_CACHE_BYTES_DEFAULT);
  const identities = (): Set<string> => {
    const opened = [backend, ...files, ...layers.map((layer) => layer.openedDataFile)];
    return new Set(opened.flatMap((file) => file?.identity ?? []));
  };
  try {
    const top: ChainFile = { backend, format: "qcow2", mayReference: true };
    const walk = walkChain(top, options, files);
    let metadata: ImageMetadata | undefined;
    for await (const link of walk) {
      metadata ??= link.metadata;
      const isTop = layers.length === 0;
      const layerOptions = isTop ? options : withoutSnapshot(options);
      const top = isTop && link.metadata !== undefined ? await openTop?.(link.metadata) : undefined;
      layers.push(await openLayer(link, layerOptions, cacheShare, () => [backend, ...files], top));
    }
    return { layers, metadata: metadata as ImageMetadata, identities, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function withoutSnapshot(options: OpenOptions): OpenOptions {
  return { ...options, snapshot: undefined };
}

interface WalkedLink {
  readonly file: ChainFile;
  /** Absent for a raw file. */
  readonly metadata: ImageMetadata | undefined;
}

/** Follows the backing files from `top` on; every file it opens is added to `opened`, for the caller to close. */
export async function* walkChain(
  top: ChainFile,
  options: OpenOptions,
  opened: ReadableBlockBackend[],
): AsyncGenerator<WalkedLink, void, void> {
  const seen = new Set<string>();
  let file: ChainFile | undefined = top;
  for (let depth = 0; file !== undefined; depth++) {
    if (depth > CHAIN_DEPTH_MAX) throw tooDeep(top.backend.label);
    refuseLoop(file.backend, seen);
    if (file.format === "raw") {
      yield { file, metadata: undefined };
      return;
    }
    const metadata: ImageMetadata = await readMetadata(file.backend, options);
    refuseUntrusted(file, metadata);
    yield { file, metadata };
    file = await openBacking(metadata, options, opened);
  }
}

async function openLayer(
  link: WalkedLink,
  options: OpenOptions,
  cacheShare: CacheShare,
  images: () => readonly ReadableBlockBackend[],
  top: TopDisk | undefined,
): Promise<Layer> {
  const { file, metadata } = link;
  if (metadata === undefined) return await RawLayer.open(file.backend);
  const opened = top?.dataFile;
  const openDataFile = (io: IoOptions) =>
    opened === undefined ? openData(metadata, images(), options, io) : Promise.resolve(opened);
  const disk = selectDisk(metadata, options.snapshot);
  const setup = { metadata, ...disk, openDataFile, options, cacheShare, tables: top?.tables };
  const layer = await Qcow2Layer.open(file.backend, setup);
  // It is open already, and to be closed whether or not anybody reads.
  if (opened !== undefined) await layer.dataFile(options);
  return layer;
}

async function openBacking(
  metadata: ImageMetadata,
  options: OpenOptions,
  opened: ReadableBlockBackend[],
): Promise<ChainFile | undefined> {
  const { backingFile, label } = metadata;
  if (backingFile === undefined) return undefined;
  const reference = {
    kind: "backing",
    name: backingFile.name,
    format: backingFile.format,
    from: label,
  } as const;
  const file = await openReference(reference, options);
  opened.push(file.backend);
  const named = file.format ?? backingFile.format;
  const format = named ?? ((await isQcow2(file.backend, options)) ? "qcow2" : "raw");
  if (format !== "qcow2" && format !== "raw") {
    throw new EngineError(
      "QCOW2_UNSUPPORTED_FORMAT",
      `the backing file of ${label} has the format ${printable(format)}; only qcow2 and raw are supported`,
    );
  }
  return { backend: file.backend, format, mayReference: named !== undefined || file.trusted === true };
}

async function openData(
  metadata: ImageMetadata,
  images: readonly ReadableBlockBackend[],
  options: OpenOptions,
  io: IoOptions,
): Promise<ReadableBlockBackend> {
  const name = metadata.dataFile?.name ?? "";
  const { backend } = await openReference(
    { kind: "data", name, from: metadata.label },
    { ...options, signal: io.signal },
  );
  const { identity } = backend;
  if (identity !== undefined && images.some((file) => file.identity === identity)) {
    await backend.close();
    throw new EngineError(
      "QCOW2_CHAIN_LOOP",
      `the external data file of ${metadata.label} is an image of the same chain`,
    );
  }
  return backend;
}

async function openReference(reference: Reference, options: OpenOptions): Promise<OpenedReference> {
  if (options.openReference === undefined) {
    const what = reference.kind === "backing" ? "a backing file" : "an external data file";
    throw new EngineError(
      "QCOW2_MISSING_CAPABILITY",
      `${reference.from} has ${what}, ${printable(reference.name)}, and nothing was given to open it with`,
    );
  }
  return await options.openReference(reference, { signal: options.signal });
}

function refuseLoop(backend: ReadableBlockBackend, seen: Set<string>): void {
  const { identity, label } = backend;
  if (identity === undefined) return;
  if (seen.has(identity)) {
    throw new EngineError("QCOW2_CHAIN_LOOP", `the chain of backing files comes back to ${label}`);
  }
  seen.add(identity);
}

// A guest can write a qcow2 header into its raw disk. Where the overlay does not record the format, that
// header would be believed; so it must not lead to further files.
function refuseUntrusted(file: ChainFile, metadata: ImageMetadata): void {
  if (file.mayReference || (metadata.backingFile === undefined && metadata.dataFile === undefined)) return;
  throw new EngineError(
    "QCOW2_UNTRUSTED_REFERENCE",
    `${file.backend.label} is used as a backing file without a recorded format, looks like qcow2, and names a further file; ` +
      "that can be an attack by the guest of a raw disk, so it is not followed",
  );
}

function tooDeep(label: string): EngineError {
  return new EngineError(
    "QCOW2_CHAIN_TOO_DEEP",
    `the chain of backing files of ${label} is longer than ${CHAIN_DEPTH_MAX}`,
  );
}
