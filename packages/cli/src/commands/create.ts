// `qcow create`: a new, empty image. Owns the flags, that the files it names are there or made, and that nothing it
// reads is overwritten; the image itself is the engine's.

import { string } from "@oclif/core/args";
import { boolean, string as text } from "@oclif/core/flags";
import {
  CommandError,
  humanSize,
  type NewImageFile,
  openNewImage,
  parseAddress,
  parseReferencedName,
  parseSize,
  QcowCommand,
  referencedPath,
  sizeFlag,
} from "@qcow/cli-kit";
import type { CreateOptions, ImageMetadata } from "@qcow/engine";
import { printable } from "@qcow/format";
import type { BackingFacts } from "../create/backing-facts.js";
import { IMAGE_FLAGS, imageOptions } from "../create/image-flags.js";
import { allocatedSize } from "../info/allocated-size.js";
import { type ImageInfo, imageInfo } from "../info/image-info.js";

const NO_FACTS: BackingFacts = { size: 0, identities: new Set() };

export default class Create extends QcowCommand<typeof Create> {
  static override summary = "Make a new, empty image.";
  static override description =
    "What OUT held before is lost. The size is rounded up to whole sectors of 512 bytes. Names of a backing file and of a " +
    "data file are recorded as they are, and are relative to OUT's folder. The backing file must be there; the data file " +
    "is made, and what it held is lost. The JSON document is the one of info.";
  static override examples = [
    "<%= config.bin %> create disk.qcow2 --size 10G",
    "<%= config.bin %> create disk.qcow2 10G --strict-refcounts --preallocation metadata",
    "<%= config.bin %> create overlay.qcow2 -b base.qcow2 -F qcow2",
    "<%= config.bin %> create disk.qcow2 10G --data-file disk.raw --data-file-raw",
  ];
  static override args = {
    out: string({ required: true, description: "The image to make: a path or a file: URL." }),
    size: string({ description: "The size, instead of --size." }),
  };
  static override flags = {
    size: sizeFlag(
      "Size of the disk in bytes, or with a unit (K, M, G, …); that of the backing file by default.",
    ),
    ...IMAGE_FLAGS,
    "backing-file": text({
      char: "b",
      helpValue: "FILE",
      description: "What the disk reads as where nothing was written.",
    }),
    "backing-format": text({
      char: "F",
      options: ["qcow2", "raw"],
      dependsOn: ["backing-file"],
      description: "Format of the backing file; must be said, since guessing it is unsafe.",
    }),
    "data-file": text({ helpValue: "FILE", description: "Keep the guest's data in a file of its own." }),
    "data-file-raw": boolean({
      dependsOn: ["data-file"],
      description: "Make the data file a valid raw image by itself.",
    }),
  };

  async run(): Promise<ImageInfo> {
    const filename = this.args.out;
    const given = this.#givenSize();
    const backing = await this.#backing();
    if (given === undefined && backing === NO_FACTS)
      throw new CommandError("CLI_USAGE", "say the size with --size");
    const size = given ?? backing.size;
    const metadata = await this.#create(size, backing.identities);
    const info = imageInfo(metadata, { filename, allocated: await allocatedSize(filename) });
    const rounded = info["virtual-size"];
    if (!this.jsonEnabled())
      this.note(`Created ${printable(filename)}: a disk of ${humanSize(rounded)} (${rounded} bytes).`);
    return info;
  }

  #givenSize(): number | undefined {
    const { size: flag } = this.flags;
    const { size: word } = this.args;
    if (flag !== undefined && word !== undefined)
      throw new CommandError("CLI_USAGE", "the size is said twice");
    return word === undefined ? flag : parseSize(word);
  }

  /** Where a file lies that the image is to name. */
  #pathOf(name: string): string {
    return referencedPath(parseAddress(this.args.out).location, parseReferencedName(name).path);
  }

  async #backing(): Promise<BackingFacts> {
    const { "backing-file": name, "backing-format": format } = this.flags;
    if (name === undefined) return NO_FACTS;
    if (format === undefined)
      throw new CommandError("CLI_USAGE", "say the format of the backing file with -F qcow2 or -F raw");
    const { imageFacts, rawFacts } = await import("../create/backing-facts.js");
    const path = this.#pathOf(name);
    return format === "raw"
      ? await rawFacts(await this.openSource(path))
      : await imageFacts(await this.openImage(path), this.signal);
  }

  /** Makes the image in OUT and its data file, or leaves no new file behind. */
  async #create(size: number, backing: ReadonlySet<string>): Promise<ImageMetadata> {
    const { createImage, isEngineError, readMetadata } = await import("@qcow/engine");
    const options = this.openOptions();
    const image = await openNewImage(this.args.out, { ...options, inputs: backing });
    const files = [image];
    let isBegun = false;
    try {
      const dataFile = await this.#openDataFile(image, backing);
      if (dataFile !== undefined) files.push(dataFile);
      const createOptions = await this.#createOptions(size, dataFile);
      isBegun = true;
      await createImage(image.backend, createOptions);
      const metadata = await readMetadata(image.backend, { signal: this.signal });
      for (const { backend } of files) await backend.close();
      return metadata;
    } catch (error) {
      // Options that are refused leave what was there as it was.
      const isTouched = isBegun && !isEngineError(error, "QCOW2_BAD_OPTION");
      for (const file of files.reverse()) {
        const line = await file.abandon();
        if (isTouched) this.note(line);
      }
      throw error;
    }
  }

  async #openDataFile(image: NewImageFile, backing: ReadonlySet<string>): Promise<NewImageFile | undefined> {
    const name = this.flags["data-file"];
    if (name === undefined) return undefined;
    const path = this.#pathOf(name);
    const inputs = new Set([...backing, image.backend.identity ?? ""]);
    return await openNewImage(path, { ...this.openOptions(), name: path, inputs });
  }

  async #createOptions(size: number, dataFile: NewImageFile | undefined): Promise<CreateOptions> {
    const { flags } = this;
    const { "backing-file": backing, "backing-format": format, "data-file": data } = flags;
    return {
      ...(await this.longOptions()),
      ...imageOptions(flags),
      size,
      backingFile: backing === undefined ? undefined : { name: backing, format },
      dataFile:
        data === undefined || dataFile === undefined
          ? undefined
          : { name: data, raw: flags["data-file-raw"], backend: dataFile.backend },
    };
  }
}
