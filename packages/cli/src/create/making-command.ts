// What commands share that make an image: the files that it names, and that nothing they read is overwritten and nothing
// unfinished stays behind. Owns the order; what is in the image is the commands' business.

import type { Command } from "@oclif/core/command";
import {
  CommandError,
  type NewImageFile,
  openImageIn,
  openNewImage,
  parseAddress,
  parseReferencedName,
  QcowCommand,
  referencedPath,
  usingImage,
} from "@qcow/cli-kit";
import type { CreateOptions, ImageMetadata, Qcow2Image } from "@qcow/engine";
import type { BackingFacts } from "./backing-facts.js";
import { imageOptions } from "./image-flags.js";
import type { NewImageFlags } from "./new-image-flags.js";
import { withoutQemuImgOptions } from "./qemu-img-options.js";

/** Of an image without a backing file. */
export const NO_FACTS: BackingFacts = { size: 0, identities: new Set() };

/** An image to make. */
export interface MakingJob {
  /** The address of the image. */
  readonly out: string;
  readonly flags: NewImageFlags;
  /** Length of the disk in bytes. */
  readonly size: number;
  /** Identities of the files that the image is made from, or is to lean on. */
  readonly inputs: ReadonlySet<string>;
  /** Puts something into the image. */
  readonly fill?: ((image: Qcow2Image) => Promise<void>) | undefined;
}

export abstract class MakingCommand<T extends typeof Command> extends QcowCommand<T> {
  constructor(argv: string[], config: Command["config"]) {
    super(withoutQemuImgOptions(argv), config);
  }

  /** What is to be known of the backing file that `flags` name for the image `out`. */
  protected async backingFacts(out: string, flags: NewImageFlags): Promise<BackingFacts> {
    const { "backing-file": name, "backing-format": format } = flags;
    if (name === undefined) return NO_FACTS;
    if (format === undefined)
      throw new CommandError("CLI_USAGE", "say the format of the backing file with -F qcow2 or -F raw");
    const { imageFacts, rawFacts } = await import("./backing-facts.js");
    const path = pathOf(out, name);
    return format === "raw"
      ? await rawFacts(await this.openSource(path))
      : await imageFacts(await this.openImage(path), this.signal);
  }

  /** Makes the image and its data file, or leaves no new file behind. What the files held before is lost. */
  protected async makeImage(job: MakingJob): Promise<ImageMetadata> {
    const { createImage, isEngineError, readMetadata } = await import("@qcow/engine");
    const image = await openNewImage(job.out, { ...this.writableOptions(job.out), inputs: job.inputs });
    const files = [image];
    let isTouched = false;
    try {
      const dataFile = await this.#openDataFile(job, image);
      if (dataFile !== undefined) files.push(dataFile);
      const options = await this.#createOptions(job, dataFile);
      isTouched = true;
      await createImage(image.backend, options);
      if (job.fill !== undefined) await this.#fill(job, image, dataFile, job.fill);
      const metadata = await readMetadata(image.backend, { signal: this.signal });
      for (const { backend } of files) await backend.close();
      return metadata;
    } catch (error) {
      // Options that are refused leave what was there as it was.
      if (isEngineError(error, "QCOW2_BAD_OPTION")) isTouched = false;
      for (const file of files.reverse()) {
        const line = await file.abandon();
        if (isTouched) this.note(line);
      }
      throw error;
    }
  }

  async #fill(
    { out }: MakingJob,
    { backend }: NewImageFile,
    dataFile: NewImageFile | undefined,
    fill: (image: Qcow2Image) => Promise<void>,
  ): Promise<void> {
    const openDataFile = dataFile === undefined ? undefined : async () => dataFile.backend;
    const image = await openImageIn(backend, out, { ...this.writableOptions(out), openDataFile });
    await usingImage(image, fill);
  }

  async #openDataFile(
    { out, flags, inputs }: MakingJob,
    image: NewImageFile,
  ): Promise<NewImageFile | undefined> {
    const { "data-file": name } = flags;
    if (name === undefined) return undefined;
    const path = pathOf(out, name);
    const { identity } = image.backend;
    const all = new Set([...inputs, ...(identity === undefined ? [] : [identity])]);
    return await openNewImage(path, { ...this.writableOptions(path), name: path, inputs: all });
  }

  async #createOptions(
    { flags, size, fill }: MakingJob,
    data: NewImageFile | undefined,
  ): Promise<CreateOptions> {
    const { "backing-file": backing, "backing-format": format, "data-file": name } = flags;
    const isRaw = flags["data-file-raw"];
    const { signal, onProgress } = await this.longOptions();
    return {
      signal,
      // Filling the image reports its own.
      onProgress: fill === undefined ? onProgress : undefined,
      ...imageOptions(flags),
      size,
      backingFile: backing === undefined ? undefined : { name: backing, format },
      dataFile:
        name === undefined || data === undefined ? undefined : { name, raw: isRaw, backend: data.backend },
    };
  }
}

/** Where a file lies that the image `out` is to name. */
function pathOf(out: string, name: string): string {
  return referencedPath(parseAddress(out).location, parseReferencedName(name).path);
}
