// The files of a dehydrated image: a pair, or a single one. Owns which of them a name means, and what is read of them.

import { type IoOptions, isBackendError, type ReadableBlockBackend } from "@qcow/block";
import { CommandError } from "@qcow/cli-kit";
import { unpackSingle } from "../archive/single-file.js";
import type { RehydrateSource } from "../rehydrate.js";
import { readChunks } from "./chunks.js";
import { compressionOf, decompressed } from "./compression.js";
import { ARCHIVE_END, MAP_END, META_END } from "./names.js";

type Opener = (address: string) => Promise<ReadableBlockBackend>;

export interface DehydratedFiles {
  readonly source: RehydrateSource;
  readonly identities: ReadonlySet<string>;
  close(): Promise<void>;
}

const START_BYTES = 4;

/**
 * Opens what `prefix` means: the pair PREFIX.map and PREFIX.meta, else the single file PREFIX, or PREFIX.tar.gz.
 *
 * @throws CommandError `CLI_USAGE` when there is none of these.
 */
export async function openDehydrated(
  prefix: string,
  open: Opener,
  options: IoOptions,
): Promise<DehydratedFiles> {
  const map = await openIfThere(prefix + MAP_END, open);
  if (map !== undefined) return await openPair(map, prefix + META_END, open, options);
  for (const name of [prefix, prefix + ARCHIVE_END]) {
    const file = await openIfThere(name, open);
    if (file !== undefined) return await openSingle(file, name, options);
  }
  throw new CommandError(
    "CLI_USAGE",
    `there is neither ${prefix}${MAP_END} nor a file ${prefix} or ${prefix}${ARCHIVE_END}`,
  );
}

async function openPair(
  map: ReadableBlockBackend,
  metaName: string,
  open: Opener,
  options: IoOptions,
): Promise<DehydratedFiles> {
  const files = [map];
  try {
    const meta = await open(metaName);
    files.push(meta);
    const mapLength = await map.size(options);
    const source: RehydrateSource = {
      map: readChunks(map, mapLength, options),
      async meta() {
        const length = await meta.size(options);
        return { length, chunks: readChunks(meta, length, options) };
      },
    };
    return opened(source, files);
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function openSingle(
  file: ReadableBlockBackend,
  name: string,
  options: IoOptions,
): Promise<DehydratedFiles> {
  try {
    const length = await file.size(options);
    const start = new Uint8Array(Math.min(START_BYTES, length));
    await file.read(0, start, options);
    const compression = compressionOf(start);
    if (compression === undefined)
      throw new CommandError("CLI_USAGE", `${name} is no compressed file that dehydrate writes`, {
        hint: `For a pair of files say what their names have before ${MAP_END} and ${META_END}.`,
      });
    const chunks = decompressed(readChunks(file, length, options), compression);
    return opened(await unpackSingle(chunks), [file]);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function opened(source: RehydrateSource, files: readonly ReadableBlockBackend[]): DehydratedFiles {
  const identities = new Set(files.flatMap(({ identity }) => (identity === undefined ? [] : [identity])));
  return { source, identities, close: () => closeAll(files) };
}

async function closeAll(files: readonly ReadableBlockBackend[]): Promise<void> {
  for (const file of files) await file.close();
}

/** Undefined when there is no such file; a folder that happens to have the name is none. */
async function openIfThere(address: string, open: Opener): Promise<ReadableBlockBackend | undefined> {
  try {
    return await open(address);
  } catch (error) {
    if (isBackendError(error, "BACKEND_NOT_FOUND", "BACKEND_UNSUITABLE")) return undefined;
    throw error;
  }
}
