// `qcow create`: a new, empty image. Owns the flags and the size; making the image is making-command.ts.

import { string } from "@oclif/core/args";
import { CommandError, humanSize, parseSize, sizeFlag } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import { MakingCommand, NO_FACTS } from "../create/making-command.js";
import { NEW_IMAGE_FLAGS } from "../create/new-image-flags.js";
import { allocatedSize } from "../info/allocated-size.js";
import { type ImageInfo, imageInfo } from "../info/image-info.js";
import { FORMAT } from "../qemu-img-flags.js";

export default class Create extends MakingCommand<typeof Create> {
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
    ...NEW_IMAGE_FLAGS,
    format: FORMAT,
  };

  async run(): Promise<ImageInfo> {
    const filename = this.args.out;
    const given = this.#givenSize();
    const backing = await this.backingFacts(filename, this.flags);
    if (given === undefined && backing === NO_FACTS)
      throw new CommandError("CLI_USAGE", "say the size with --size");
    const size = given ?? backing.size;
    const metadata = await this.makeImage({
      out: filename,
      flags: this.flags,
      size,
      inputs: backing.identities,
    });
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
}
