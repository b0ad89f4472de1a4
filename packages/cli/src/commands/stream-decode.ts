// `qcow stream-decode`: an image that comes as a stream, as a raw disk. Owns where it comes from, where it goes, and what may
// be overwritten; decoding is the engine's.

import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { string } from "@oclif/core/args";
import { string as stringFlag } from "@oclif/core/flags";
import {
  CommandError,
  hostCompression,
  openRawOutput,
  openSpillFile,
  openStandardInput,
  QcowCommand,
  sizeFlag,
} from "@qcow/cli-kit";
import type { DecodedStream, DecodeStreamOptions } from "@qcow/engine";
import { fileInput } from "../write/write-input.js";

export interface StreamDecodeResult {
  readonly output: string;
  /** Length of the disk in bytes. */
  readonly "virtual-size": number;
  /** Length of the image in bytes. */
  readonly "image-size": number;
  /** Bytes of the image that came before it was known where they belong, or that they are not needed. */
  readonly "kept-bytes": number;
}

/** Where an image comes from. */
interface Input {
  readonly source: AsyncIterable<Uint8Array>;
  readonly identity: string | undefined;
  close(): Promise<void>;
}

const STREAM = "-";

export default class StreamDecode extends QcowCommand<typeof StreamDecode> {
  static override summary = "Write the guest's disk of an image that comes on stdin as a raw image.";
  static override description =
    "The image is read once, from start to end, and needs no space of its own: contents go to their places in OUT as they " +
    "come. Clusters and tables may lie in any order; what comes before it is known where it belongs waits in memory, and " +
    "beyond --memory in a file without a name beside OUT (in the temporary folder when OUT is - or a device). Images that " +
    "need other files, and encrypted ones, are refused. What OUT held before is lost.";
  static override aliases = ["stream_decode"];
  static override examples = [
    "curl https://images.example/disk.qcow2 | <%= config.bin %> stream-decode disk.raw",
    "ssh host cat disk.qcow2 | <%= config.bin %> stream-decode /dev/vg0/disk --progress",
    "<%= config.bin %> stream-decode - < disk.qcow2 | gzip > disk.raw.gz",
  ];
  static override args = {
    out: string({ required: true, description: "The raw image to write, or a block device; - for stdout." }),
  };
  static override flags = {
    input: stringFlag({ helpValue: "FILE", description: "Read the image from this file, not from stdin." }),
    memory: sizeFlag("Memory for tables and for contents whose place is not known yet; 64M by default."),
  };

  async run(): Promise<StreamDecodeResult | undefined> {
    const { out } = this.args;
    if (out === STREAM && this.jsonEnabled())
      throw new CommandError("CLI_USAGE", "--json and - both want stdout");
    const input = await this.#openInput();
    try {
      const decoded = await (out === STREAM ? this.#toStdout(input) : this.#toFile(input, out));
      return {
        output: out,
        "virtual-size": decoded.virtualSize,
        "image-size": decoded.streamBytes,
        "kept-bytes": decoded.keptBytes,
      };
    } finally {
      await input.close();
    }
  }

  async #openInput(): Promise<Input> {
    const { input } = this.flags;
    if (input === undefined || input === STREAM) {
      const stdin = await openStandardInput("a qcow2 image", this.signal);
      return { ...stdin, close: async () => stdin.close() };
    }
    return await fileInput(input, new Set(), this.signal);
  }

  async #options(spillFolder: string): Promise<DecodeStreamOptions> {
    const { input, memory } = this.flags;
    return {
      ...(await this.longOptions()),
      compression: await hostCompression(),
      memoryBytes: memory,
      openSpill: () => openSpillFile(spillFolder),
      label: input === undefined || input === STREAM ? "stdin" : input,
    };
  }

  async #toStdout({ source }: Input): Promise<DecodedStream> {
    const { decodeStreamInOrder } = await import("@qcow/engine");
    return await decodeStreamInOrder(source, (chunk) => this.write(chunk), await this.#options(tmpdir()));
  }

  async #toFile({ source, identity }: Input, path: string): Promise<DecodedStream> {
    const { decodeStream } = await import("@qcow/engine");
    const output = await openRawOutput(path, new Set(identity === undefined ? [] : [identity]));
    let isTouched = false;
    const onHead = (): void => {
      isTouched = true;
    };
    try {
      const options = await this.#options(output.isDevice ? tmpdir() : dirname(path));
      const sparse = !output.isDevice;
      const decoded = await decodeStream(source, output.backend, { ...options, sparse, onHead });
      await output.backend.close();
      return decoded;
    } catch (error) {
      const line = await output.abandon();
      if (isTouched) this.note(line);
      throw error;
    }
  }
}
