// `qcow resize`: makes the guest's disk longer or shorter. Owns the ways to say the size; whether data may be lost is
// asked for here and kept by the engine.

import { string } from "@oclif/core/args";
import { boolean, custom } from "@oclif/core/flags";
import {
  CommandError,
  changedSize,
  humanSize,
  parseSizeChange,
  QcowCommand,
  type SizeChange,
} from "@qcow/cli-kit";
import { IMAGE } from "../image-argument.js";
import { FORMAT } from "../qemu-img-flags.js";
import { relativeSizeWords } from "../resize/relative-size-words.js";

export interface ResizeResult {
  readonly filename: string;
  /** Length of the disk in bytes, now. */
  readonly "virtual-size": number;
  /** Length of the disk in bytes, before. */
  readonly "old-virtual-size": number;
}

export default class Resize extends QcowCommand<typeof Resize> {
  static override summary = "Make the guest's disk longer or shorter.";
  static override description =
    "SIZE is the new size, or with + or - in front of it what is added or taken away. It is rounded up to whole sectors of " +
    "512 bytes. What is added reads as zero; the guest's partitions and file systems stay as they are. Making a disk shorter " +
    "loses what is behind its new end, so it is refused without --shrink.";
  static override examples = [
    "<%= config.bin %> resize disk.qcow2 --size +10G",
    "<%= config.bin %> resize disk.qcow2 40G",
    "<%= config.bin %> resize disk.qcow2 --size=-512M --shrink",
  ];
  static override args = {
    image: IMAGE,
    size: string({ description: "The new size, instead of --size." }),
  };
  static override flags = {
    size: custom<SizeChange>({
      helpValue: "[+|-]SIZE",
      description: "The new size in bytes, or with a unit (K, M, G, …).",
      parse: async (input) => parseSizeChange(input),
    })(),
    shrink: boolean({
      description: "Allow the disk to become shorter, and lose what was behind its new end.",
    }),
    "ignore-data-loss": boolean({ description: "The same as --shrink." }),
    format: FORMAT,
  };

  constructor(argv: string[], config: QcowCommand<typeof Resize>["config"]) {
    super(relativeSizeWords(argv), config);
  }

  async run(): Promise<ResizeResult> {
    const change = this.#change();
    const filename = this.args.image;
    const allowDataLoss = this.flags.shrink || this.flags["ignore-data-loss"];
    const result = await this.changeImage(filename, async (image) => {
      const before = image.virtualSize;
      await image.resize(changedSize(before, change), { allowDataLoss, signal: this.signal });
      return { filename, "virtual-size": image.virtualSize, "old-virtual-size": before };
    });
    const size = result["virtual-size"];
    if (!this.jsonEnabled()) await this.print(`virtual size: ${humanSize(size)} (${size} bytes)`);
    return result;
  }

  #change(): SizeChange {
    const { size: flag } = this.flags;
    const { size: word } = this.args;
    if (flag !== undefined && word !== undefined)
      throw new CommandError("CLI_USAGE", "the size is said twice");
    if (flag !== undefined) return flag;
    if (word === undefined) throw new CommandError("CLI_USAGE", "say the new size with --size");
    return parseSizeChange(word);
  }
}
