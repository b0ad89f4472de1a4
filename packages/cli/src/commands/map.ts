// `qcow map`: where each part of the guest's disk comes from. Owns flags and output; the map is the engine's.

import { string } from "@oclif/core/flags";
import {
  CommandError,
  interruptible,
  type OpenImage,
  QcowCommand,
  REMOTE_FLAGS,
  sizeFlag,
} from "@qcow/cli-kit";
import type { ExtentBatch, Qcow2Reader } from "@qcow/engine";
import { READ_IMAGE } from "../image-argument.js";
import { ExtentJsonWriter } from "../map/extent-json.js";
import { MAP_HEADING, mapRows } from "../map/map-text.js";
import { TextBlocks } from "../map/text-blocks.js";
import { QEMU_READ_FLAGS } from "../qemu-img-flags.js";

type Range = { readonly offset: number; readonly length: number };

export default class MapCommand extends QcowCommand<typeof MapCommand> {
  static override summary = "Show where each part of the guest's disk is stored.";
  static override description =
    "Follows the whole chain of backing files. The table lists what is stored; the JSON form, which is that of " +
    "qemu-img, lists everything: depth 0 is the image itself, 1 its backing file, and so on.";
  static override examples = [
    "<%= config.bin %> map disk.qcow2",
    "<%= config.bin %> map disk.qcow2 --json",
    "<%= config.bin %> map disk.qcow2 --start 1G --length 64M",
    "<%= config.bin %> map https://images.example/disk.qcow2 --max-bytes 8M",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    output: string({ options: ["human", "json"], description: "The form of the output; human by default." }),
    start: sizeFlag("Start of the part that is shown; 0 by default.", {
      char: "s",
      aliases: ["start-offset"],
    }),
    length: sizeFlag("Length of the part that is shown; up to the end of the disk by default.", {
      char: "l",
      aliases: ["max-length"],
    }),
    ...QEMU_READ_FLAGS,
    ...REMOTE_FLAGS,
  };

  async run(): Promise<void> {
    const image = await this.openImage(this.args.image);
    try {
      const range = this.#range(image.reader.virtualSize);
      await (this.jsonEnabled() ? this.#printJson(image, range) : this.#printTable(image, range));
    } finally {
      await image.close();
    }
  }

  /** A part that reaches past the end is cut there, as qemu-img does it. */
  #range(size: number): Range {
    const offset = this.flags.start ?? 0;
    if (offset > size)
      throw new CommandError("CLI_USAGE", `--start is past the end of the disk, which has ${size} bytes`);
    return { offset, length: Math.min(this.flags.length ?? size, size - offset) };
  }

  #batches(reader: Qcow2Reader, range: Range): AsyncIterable<ExtentBatch> {
    return interruptible(reader.mapBatches(range, { signal: this.signal }));
  }

  async #printJson({ reader }: OpenImage, range: Range): Promise<void> {
    const out = new ExtentJsonWriter((block) => this.write(block));
    for await (const batch of this.#batches(reader, range)) await out.add(batch);
    await out.end(range.offset);
  }

  async #printTable({ reader }: OpenImage, range: Range): Promise<void> {
    const out = new TextBlocks((block) => this.write(block));
    await out.add(`${MAP_HEADING}\n`);
    for await (const batch of this.#batches(reader, range)) {
      for (const row of mapRows(batch, reader.layers)) await out.add(`${row}\n`);
    }
    await out.end();
  }
}
