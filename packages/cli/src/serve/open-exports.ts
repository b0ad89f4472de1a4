// The images of a server, open, as exports. Owns what flags mean for how each is opened, and that all are closed; the exports
// themselves are those of @qcow/nbd.

import { CommandError, type OpenImage, parseAddress, shownName, type WritableImage } from "@qcow/cli-kit";
import { DirtyBitmap, defaultImageConfig, type ImageConfig, type Observer } from "@qcow/engine";
import { imageExport, type NbdExport } from "@qcow/nbd";
import type { ExportWord } from "./export-words.js";

export interface OpenExport {
  readonly name: string;
  /** How documents call the image. */
  readonly filename: string;
  readonly disk: NbdExport;
  readonly readOnly: boolean;
  /** Names of the dirty bitmaps that clients may ask for. */
  readonly bitmaps: readonly string[];
  /** Makes everything durable and lets go of the files. */
  close(): Promise<void>;
}

export interface ExportFlags {
  readonly rw?: boolean | undefined;
  readonly discard?: boolean | undefined;
  readonly "keep-erased"?: number | undefined;
  readonly "compact-after"?: number | undefined;
  readonly snapshot?: string | undefined;
  readonly description?: string | undefined;
}

/** What is told of the image `name`, and how it is called there. */
export interface Told {
  readonly observer: Observer;
  readonly id: string | undefined;
}

/** How a command opens images. */
export interface ImageOpener {
  forReading(address: string, snapshot: string | undefined, told: Told): Promise<OpenImage>;
  forWriting(address: string, told: Told & { readonly config: ImageConfig }): Promise<WritableImage>;
  observer(name: string): Observer;
  warn(line: string): void;
}

/** @throws CommandError `CLI_USAGE` for flags that go together in no way, `CLI_READ_ONLY_ADDRESS` */
export function requireSensible(words: readonly ExportWord[], flags: ExportFlags): void {
  const { rw = false, snapshot, description } = flags;
  for (const name of ["discard", "keep-erased", "compact-after"] as const) {
    if (!rw && flags[name] !== undefined && flags[name] !== false) throw usage(`--${name} needs --rw`);
  }
  if (rw && snapshot !== undefined)
    throw usage("--snapshot and --rw cannot be mixed: snapshots are read-only");
  if (words.length > 1 && snapshot !== undefined) throw usage("--snapshot takes one image");
  if (words.length > 1 && description !== undefined) throw usage("--description takes one image");
  if (!rw) return;
  for (const { address } of words) {
    const { scheme } = parseAddress(address);
    if (scheme === "file") continue;
    const hint = "Serve it without --rw, or make a local copy.";
    throw new CommandError("CLI_READ_ONLY_ADDRESS", `${scheme}: addresses can only be read`, { hint });
  }
}

/** Opens all images, or none. */
export async function openExports(
  words: readonly ExportWord[],
  flags: ExportFlags,
  opener: ImageOpener,
): Promise<OpenExport[]> {
  const opened: OpenExport[] = [];
  try {
    for (const word of words)
      opened.push(await (flags.rw ? openWritable(word, flags, opener) : openReadable(word, flags, opener)));
    return opened;
  } catch (error) {
    // Nobody has written to them.
    await closeExports(opened).catch(() => undefined);
    throw error;
  }
}

/** Closes all of them, also when one fails, and rejects with the first failure then. */
export async function closeExports(exports: readonly OpenExport[]): Promise<void> {
  const results = await Promise.allSettled(exports.map((each) => each.close()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function openReadable(
  { name, address }: ExportWord,
  { snapshot, description }: ExportFlags,
  opener: ImageOpener,
): Promise<OpenExport> {
  const image = await opener.forReading(address, snapshot, toldOf(name, opener));
  try {
    const { reader } = image;
    // What keeps contents from being read is told now, not to each client.
    await reader.openContents();
    const bitmaps = snapshot === undefined ? await bitmapsOf(image, opener) : [];
    return {
      name,
      filename: shownName(address, reader.metadata),
      disk: imageExport(reader, { description, bitmaps }),
      readOnly: true,
      bitmaps: bitmaps.map((bitmap) => bitmap.name),
      close: () => image.close(),
    };
  } catch (error) {
    await image.close();
    throw error;
  }
}

/** Those that make sense: a damaged one is no reason not to serve the disk. */
async function bitmapsOf({ reader, source }: OpenImage, opener: ImageOpener): Promise<DirtyBitmap[]> {
  const { metadata } = reader;
  const bitmaps: DirtyBitmap[] = [];
  for (const { name, inUse } of metadata.bitmaps) {
    if (inUse) continue;
    try {
      bitmaps.push(await DirtyBitmap.open(source, metadata, name));
    } catch (error) {
      opener.warn(
        `the bitmap ${name} is not served: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return bitmaps;
}

async function openWritable(
  { name, address }: ExportWord,
  flags: ExportFlags,
  opener: ImageOpener,
): Promise<OpenExport> {
  const { discard = false, description } = flags;
  const told = toldOf(name, opener);
  const opened = await opener.forWriting(address, { ...told, config: configOf(flags, told.id) });
  return {
    name,
    filename: address,
    disk: imageExport(opened.image, { description, discard }),
    readOnly: false,
    bitmaps: [],
    close: () => opened.close(),
  };
}

function toldOf(name: string, opener: ImageOpener): Told {
  return { observer: opener.observer(name), id: name === "" ? undefined : name };
}

function configOf(flags: ExportFlags, id: string | undefined): ImageConfig {
  const {
    discard = false,
    "keep-erased": keepErasedBytes = 0,
    "compact-after": compactAfterBytes = 0,
  } = flags;
  const named = id === undefined ? {} : { id };
  // Whoever moves clusters must know that no two references lead to one.
  const checkOnConnect = keepErasedBytes + compactAfterBytes > 0;
  return { ...defaultImageConfig(), ...named, discard, keepErasedBytes, compactAfterBytes, checkOnConnect };
}

function usage(message: string): CommandError {
  return new CommandError("CLI_USAGE", message);
}
