// `qcow write`: puts bytes into the guest's disk. Owns the two ways to say where, and that nothing is written of what does
// not fit.

import { string } from "@oclif/core/flags";
import type { LongOptions } from "@qcow/block";
import { CommandError, interruptible, QcowCommand, sizeFlag } from "@qcow/cli-kit";
import type { Qcow2Image } from "@qcow/engine";
import { IMAGE } from "../image-argument.js";
import { sectorsFlag } from "../sectors-flag.js";
import { paddedEnd, sectorPieces } from "../write/sector-pieces.js";
import { fileInput, stdinInput, textInput, type WriteInput } from "../write/write-input.js";

export interface WriteResult {
  readonly filename: string;
  /** Guest offset of the first byte. */
  readonly offset: number;
  /** Bytes written, with the zeros that fill the last sector. */
  readonly bytes: number;
}

const SECTOR_BYTES = 512;
const STDIN = "-";

export default class Write extends QcowCommand<typeof Write> {
  static override summary = "Write bytes into the guest's disk.";
  static override description =
    "Say where in sectors of 512 bytes (--sector) or in bytes (--offset). The rest of the last sector is filled with zeros. " +
    "Nothing is written of a text or file that does not fit on the disk. What is written is durable when the command ends; " +
    "when it is interrupted, each byte is as before or as written.";
  static override examples = [
    '<%= config.bin %> write disk.qcow2 --sector 0 --text "hello"',
    "<%= config.bin %> write disk.qcow2 --offset 1M --input boot.bin",
    "zcat part.gz | <%= config.bin %> write disk.qcow2 --sector 2048 --input -",
  ];
  static override args = { image: IMAGE };
  static override flags = {
    sector: sectorsFlag("N", "First sector; 0 by default."),
    offset: sizeFlag("First byte."),
    text: string({ helpValue: "TEXT", description: "The bytes to write, in UTF-8." }),
    input: string({ helpValue: "FILE", description: "A file with the bytes to write; - for stdin." }),
  };

  async run(): Promise<WriteResult> {
    const offset = this.#offset();
    const { text, input } = this.flags;
    if ((text === undefined) === (input === undefined))
      throw new CommandError("CLI_USAGE", "say what to write with one of --text and --input");
    const filename = this.args.image;
    const bytes = await this.changeImage(filename, async (image) => {
      const given = await this.#input(image.identities);
      try {
        return await this.#copy(image, offset, given);
      } finally {
        await given.close();
      }
    });
    return { filename, offset, bytes };
  }

  #offset(): number {
    const { sector, offset } = this.flags;
    if (sector !== undefined && offset !== undefined)
      throw new CommandError("CLI_USAGE", "--sector and --offset cannot be mixed");
    return offset ?? (sector ?? 0) * SECTOR_BYTES;
  }

  async #input(outputs: ReadonlySet<string>): Promise<WriteInput> {
    const { text, input } = this.flags;
    if (input === undefined) return textInput(text ?? "");
    return await (input === STDIN ? stdinInput(this.signal) : fileInput(input, outputs, this.signal));
  }

  async #copy(image: Qcow2Image, offset: number, { source, length }: WriteInput): Promise<number> {
    const options: LongOptions = await this.longOptions();
    const { signal } = options;
    const { virtualSize } = image;
    if (length !== undefined) await requireRoom(image, offset, paddedEnd(offset, length), 0);
    let end = offset;
    for await (const piece of interruptible(sectorPieces(source, offset))) {
      const next = piece.offset + piece.bytes.byteLength;
      await requireRoom(image, piece.offset, next, end - offset);
      await image.write(piece.offset, piece.bytes, { signal });
      end = next;
      const total = length === undefined ? virtualSize - offset : paddedEnd(offset, length) - offset;
      options.onProgress?.({ done: end - offset, total });
    }
    await image.flush({ signal });
    // How long a stream is shows at its end.
    options.onProgress?.({ done: end - offset, total: end - offset });
    return end - offset;
  }
}

/** Rejects when `end` is behind the end of the disk; `written` bytes of a stream were not told before. */
async function requireRoom(image: Qcow2Image, offset: number, end: number, written: number): Promise<void> {
  const { virtualSize } = image;
  if (end <= virtualSize) return;
  const { EngineError } = await import("@qcow/engine");
  const place = `the ${end - offset} bytes at ${offset} go past the end of the disk of ${virtualSize} bytes`;
  const before = written === 0 ? "nothing was written" : `the ${written} bytes before them were written`;
  throw new EngineError("QCOW2_OUT_OF_RANGE", `${place}; ${before}`, { offset });
}
