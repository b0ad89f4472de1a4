// `qcow mapped`: the stored ranges of the guest's disk, as qcow-tool lists them but merged. Owns the
// command; mapped/ finds and prints the ranges.

import { boolean, custom } from "@oclif/core/flags";
import { CommandError, QcowCommand, REMOTE_FLAGS } from "@qcow/cli-kit";
import { READ_IMAGE } from "../image-argument.js";
import { type MappedRange, mappedRanges, withoutZeroes } from "../map/mapped-ranges.js";
import { TextBlocks } from "../map/text-blocks.js";

export default class Mapped extends QcowCommand<typeof Mapped> {
  static override summary = "List the stored ranges of the guest's disk.";
  static override description =
    "One line for each range: its offset in hexadecimal, its length in decimal. Neighbours are merged. Ranges that " +
    "the image knows to be zero are left out; --ignore-zeroes also reads the contents and leaves out zeros stored " +
    "as data, in pieces of 64 KiB.";
  static override examples = [
    "<%= config.bin %> mapped disk.qcow2",
    "<%= config.bin %> mapped disk.qcow2 --ignore-zeroes",
    "<%= config.bin %> mapped disk.qcow2 --output json",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    output: custom<string>({
      helpValue: "text|json",
      description: "The form of the output; text by default.",
      parse: async (input) => formOf(input),
    })(),
    "ignore-zeroes": boolean({ description: "Read the contents and leave out what is all zero." }),
    ...REMOTE_FLAGS,
  };

  async run(): Promise<void> {
    const { signal } = this;
    const image = await this.openImage(this.args.image);
    try {
      const stored = mappedRanges(image.reader, { signal });
      const ranges = this.flags["ignore-zeroes"] ? withoutZeroes(image.reader, stored, { signal }) : stored;
      const out = new TextBlocks((block) => this.write(block));
      await (this.jsonEnabled() ? printJson(ranges, out) : printText(ranges, out));
    } finally {
      await image.close();
    }
  }
}

/** In the words of qcow-tool, which takes both in any case. */
function formOf(input: string): string {
  const form = input.toLowerCase();
  if (form === "text" || form === "json") return form;
  throw new CommandError("CLI_USAGE", "Unknown output format, expected either 'text' or 'json'");
}

async function printText(ranges: AsyncIterable<MappedRange>, out: TextBlocks): Promise<void> {
  await out.add("# offset (bytes), length (bytes)\n");
  for await (const { offset, length } of ranges) await out.add(`${offset.toString(16)} ${length}\n`);
  await out.end();
}

async function printJson(ranges: AsyncIterable<MappedRange>, out: TextBlocks): Promise<void> {
  let separator = "[";
  for await (const { offset, length } of ranges) {
    await out.add(`${separator}{ "offset": ${offset}, "length": ${length} }`);
    separator = ",\n";
  }
  await out.add(separator === "[" ? "[]\n" : "]\n");
  await out.end();
}
