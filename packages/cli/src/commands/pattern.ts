// `qcow pattern`: images for tests, with contents that say where they belong. Owns the flags; what is written is
// fill-pattern.ts.

import { string } from "@oclif/core/args";
import { integer } from "@oclif/core/flags";
import { CommandError, sizeFlag } from "@qcow/cli-kit";
import { IMAGE_FLAGS } from "../create/image-flags.js";
import { MakingCommand } from "../create/making-command.js";
import { allocatedSize } from "../info/allocated-size.js";
import { type ImageInfo, imageInfo } from "../info/image-info.js";
import { fillDensePattern, fillSparsePattern } from "../pattern/fill-pattern.js";

export default class Pattern extends MakingCommand<typeof Pattern> {
  static override summary = "Make an image with a test pattern.";
  static override description =
    "What OUT held before is lost. Pattern 1 writes one sector of 512 bytes into every second cluster; its first 8 bytes are " +
    "the sector's number, big-endian. Pattern 2 writes such sectors all over the disk, and then discards every second cluster, " +
    "beginning with the first one: no image is more fragmented. The JSON document is the one of info.";
  static override examples = [
    "<%= config.bin %> pattern test.qcow2 --size 1G --pattern 1",
    "<%= config.bin %> pattern test.qcow2 --size 64M --pattern 2 --cluster-size 4K",
  ];
  static override args = {
    out: string({ required: true, description: "The image to make: a path or a file: URL." }),
  };
  static override flags = {
    size: sizeFlag("Size of the disk in bytes, or with a unit (K, M, G, …)."),
    pattern: integer({ min: 1, max: 2, helpValue: "1|2", description: "Which one; 1 by default." }),
    ...IMAGE_FLAGS,
  };

  async run(): Promise<ImageInfo> {
    const { out } = this.args;
    const { size, pattern } = this.flags;
    if (size === undefined) throw new CommandError("CLI_USAGE", "say the size with --size");
    const options = await this.longOptions();
    const metadata = await this.makeImage({
      out,
      flags: this.flags,
      size,
      inputs: new Set(),
      fill: (image) => (pattern === 2 ? fillDensePattern(image, options) : fillSparsePattern(image, options)),
    });
    return imageInfo(metadata, { filename: out, allocated: await allocatedSize(out) });
  }
}
