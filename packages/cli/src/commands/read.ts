// `qcow read`: a piece of the guest's disk as raw bytes. Owns the two ways to say which piece.

import { CommandError, interruptible, QcowCommand, REMOTE_FLAGS, sizeFlag } from "@qcow/cli-kit";
import { READ_IMAGE } from "../image-argument.js";
import { sectorsFlag } from "../sectors-flag.js";
import { SNAPSHOT } from "../snapshot-flag.js";

const SECTOR_BYTES = 512;

export default class Read extends QcowCommand<typeof Read> {
  static override summary = "Write a piece of the guest's disk to stdout.";
  static override description =
    "Say which piece in sectors of 512 bytes (--sector, --length) or in bytes (--offset, --bytes). Raw bytes are " +
    "written, so there is no JSON form of a success.";
  static override examples = [
    "<%= config.bin %> read disk.qcow2 --sector 0 --length 1 | xxd",
    "<%= config.bin %> read disk.qcow2 --offset 1M --bytes 64K > piece",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    sector: sectorsFlag("N", "First sector; 0 by default."),
    length: sectorsFlag("SECTORS", "Number of sectors; 1 by default."),
    offset: sizeFlag("First byte; 0 by default."),
    bytes: sizeFlag("Number of bytes; up to the end of the disk by default."),
    snapshot: SNAPSHOT,
    ...REMOTE_FLAGS,
  };

  async run(): Promise<void> {
    const range = this.#range();
    const image = await this.openImage(this.args.image, this.flags.snapshot);
    try {
      for await (const chunk of interruptible(image.reader.chunks(range, { signal: this.signal })))
        await this.write(chunk);
    } finally {
      await image.close();
    }
  }

  #range(): { readonly offset: number; readonly length: number | undefined } {
    const { sector, length, offset, bytes } = this.flags;
    if (offset === undefined && bytes === undefined) {
      return { offset: (sector ?? 0) * SECTOR_BYTES, length: (length ?? 1) * SECTOR_BYTES };
    }
    if (sector !== undefined || length !== undefined) {
      throw new CommandError("CLI_USAGE", "--sector and --length cannot be mixed with --offset and --bytes");
    }
    return { offset: offset ?? 0, length: bytes };
  }
}
