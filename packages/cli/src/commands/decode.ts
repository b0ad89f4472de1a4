// `qcow decode`: the guest's disk as a raw image. Owns what may be overwritten and what happens to a
// half-written output; decoding itself is the engine's.

import { string } from "@oclif/core/args";
import {
  CommandError,
  interruptible,
  type OpenImage,
  openRawOutput,
  QcowCommand,
  REMOTE_FLAGS,
  shownName,
} from "@qcow/cli-kit";
import { READ_IMAGE } from "../image-argument.js";
import { SNAPSHOT } from "../snapshot-flag.js";

export interface DecodeResult {
  readonly filename: string;
  readonly output: string;
  /** Length of the disk in bytes. */
  readonly "virtual-size": number;
}

const STDOUT = "-";

export default class Decode extends QcowCommand<typeof Decode> {
  static override summary = "Write the guest's disk as a raw image.";
  static override description =
    "What OUT held before is lost. Where the disk is zero, a file gets holes. OUT may be a block device, or - for " +
    "stdout, where zeros are written out.";
  static override examples = [
    "<%= config.bin %> decode disk.qcow2 disk.raw",
    "<%= config.bin %> decode disk.qcow2 - | gzip > disk.raw.gz",
    "<%= config.bin %> decode disk.qcow2 old.raw --snapshot before-upgrade",
    "<%= config.bin %> decode https://images.example/disk.qcow2 disk.raw --progress",
  ];
  static override args = {
    image: READ_IMAGE,
    out: string({ required: true, description: "The raw image to write; - for stdout." }),
  };
  static override flags = { snapshot: SNAPSHOT, ...REMOTE_FLAGS };

  async run(): Promise<DecodeResult | undefined> {
    const { image: address, out: output } = this.args;
    if (output === STDOUT && this.jsonEnabled())
      throw new CommandError("CLI_USAGE", "--json and - both want stdout");
    const image = await this.openImage(address, this.flags.snapshot);
    try {
      // Before OUT is looked at: it stays as it is when the image cannot be read, and no data file is taken for OUT.
      await image.reader.openContents({ signal: this.signal });
      await (output === STDOUT ? this.#toStdout(image) : this.#toFile(image, output));
      const filename = shownName(address, image.reader.metadata);
      return { filename, output, "virtual-size": image.reader.virtualSize };
    } finally {
      await image.close();
    }
  }

  async #toStdout({ reader }: OpenImage): Promise<void> {
    const { signal, onProgress } = await this.longOptions();
    let done = 0;
    for await (const chunk of interruptible(reader.chunks({}, { signal }))) {
      await this.write(chunk);
      done += chunk.length;
      onProgress?.({ done, total: reader.virtualSize });
    }
  }

  async #toFile({ reader }: OpenImage, path: string): Promise<void> {
    const { decodeToRaw } = await import("@qcow/engine");
    const options = await this.longOptions();
    const output = await openRawOutput(path, reader.identities);
    try {
      await decodeToRaw(reader, output.backend, { ...options, sparse: !output.isDevice });
      await output.backend.close();
    } catch (error) {
      this.note(await output.abandon());
      throw error;
    }
  }
}
