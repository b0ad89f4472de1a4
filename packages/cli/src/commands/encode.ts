// `qcow encode`: a raw disk as a new image. Owns the flags and the size; making the image is making-command.ts, filling it
// the engine's.

import { dirname } from "node:path";
import { string } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import type { ReadableBlockBackend } from "@qcow/block";
import {
  CommandError,
  openerFor,
  openNewImage,
  openRawInput,
  openStandardInput,
  parseAddress,
  sizeFlag,
} from "@qcow/cli-kit";
import type { Qcow2Image } from "@qcow/engine";
import { printable } from "@qcow/format";
import { MakingCommand } from "../create/making-command.js";
import { NEW_IMAGE_FLAGS } from "../create/new-image-flags.js";
import { writeImage } from "../encode/image-sink.js";
import { requireStreamable, STREAM_FLAGS, streamOptions } from "../encode/stream-flags.js";
import { allocatedSize } from "../info/allocated-size.js";
import { type ImageInfo, imageInfo } from "../info/image-info.js";

const SECTOR_BYTES = 512;
const STREAM = "-";

export default class Encode extends MakingCommand<typeof Encode> {
  static override summary = "Make an image of a raw disk.";
  static override description =
    "What OUT held before is lost. Clusters of RAW that are zero take no space in OUT, and holes of RAW are not read. The " +
    "options are those of create. An interrupted encode removes OUT if it is new; an older OUT, and any OUT when the " +
    "program is killed, is then a sound image of a part of RAW, or no image yet. The JSON document is the one of info.\n\n" +
    "To a pipe, tables go first, so they must be known first. RAW is read twice: to find what is zero, and to send the " +
    "rest; holes are read neither time, and --one-pass takes them alone for zeros. With --compress, and when RAW is " +
    "stdin, it is read once, and what is stored waits in memory, and beyond --memory in a file without a name in the " +
    "temporary folder (beside OUT if that is a file). With --size and --preallocation full, stdin goes through as it " +
    "comes, and zeros are stored. The same disk and options give the same bytes.";
  static override examples = [
    "<%= config.bin %> encode disk.raw disk.qcow2",
    "<%= config.bin %> encode disk.raw disk.qcow2 --compress --compression-type zstd",
    "<%= config.bin %> encode /dev/sdb disk.qcow2 --cluster-size 128K --extended-l2",
    "<%= config.bin %> encode disk.raw - --compress | ssh host 'cat > disk.qcow2'",
    "<%= config.bin %> encode disk.raw - | curl -T - https://images.example/disk.qcow2",
    "zcat disk.raw.gz | <%= config.bin %> encode - disk.qcow2",
  ];
  static override args = {
    raw: string({ required: true, description: "The raw disk: a file, or a block device; - for stdin." }),
    out: string({ required: true, description: "The image to make: a path or a file: URL; - for stdout." }),
  };
  static override flags = {
    size: sizeFlag("Size of the disk, if it is to be longer than RAW; what is added is zero."),
    compress: boolean({ char: "c", description: "Compress each cluster that gets smaller by it." }),
    ...NEW_IMAGE_FLAGS,
    ...STREAM_FLAGS,
  };

  async run(): Promise<ImageInfo | undefined> {
    const { raw, out } = this.args;
    if (raw === STREAM || out === STREAM || this.flags.layout !== undefined) return await this.#stream();
    if (this.flags["one-pass"])
      throw new CommandError("CLI_USAGE", "--one-pass is for images that go to a pipe, or have a --layout");
    const backing = await this.backingFacts(out, this.flags);
    await this.#requireBackingPolicy();
    const source = await openRawInput(parseAddress(raw).location, backing.identities, {
      signal: this.signal,
    });
    try {
      return await this.#encode(source, backing.identities);
    } finally {
      await source.close();
    }
  }

  async #stream(): Promise<ImageInfo | undefined> {
    const { out } = this.args;
    if (out === STREAM && this.jsonEnabled())
      throw new CommandError("CLI_USAGE", "--json and - both want stdout");
    requireStreamable(this.flags);
    const { source, identity, close } = await this.#openStreamed();
    try {
      if (out !== STREAM) return await this.#streamToFile(source, identity);
      const { encodeStream } = await import("@qcow/engine");
      const options = { ...(await streamOptions(this.flags)), ...(await this.longOptions()) };
      for await (const chunk of encodeStream(source, options)) await this.write(chunk);
      return undefined;
    } finally {
      await close();
    }
  }

  async #openStreamed(): Promise<{
    readonly source: ReadableBlockBackend | AsyncIterable<Uint8Array>;
    readonly identity: string | undefined;
    readonly close: () => Promise<void>;
  }> {
    const { raw } = this.args;
    if (raw === STREAM) {
      const { source, identity, close } = await openStandardInput("a raw disk", this.signal);
      return { source, identity, close: async () => close() };
    }
    const source = await openRawInput(parseAddress(raw).location, new Set(), { signal: this.signal });
    return { source, identity: source.identity, close: () => source.close() };
  }

  async #streamToFile(
    source: ReadableBlockBackend | AsyncIterable<Uint8Array>,
    identity: string | undefined,
  ): Promise<ImageInfo> {
    const { out } = this.args;
    const { encodeStream, isEngineError, readMetadata } = await import("@qcow/engine");
    const inputs = new Set(identity === undefined ? [] : [identity]);
    const file = await openNewImage(out, { ...this.writableOptions(out), inputs });
    try {
      const folder = dirname(parseAddress(out).location);
      const long = await this.longOptions();
      const options = { ...(await streamOptions(this.flags, folder)), ...long };
      await writeImage(encodeStream(source, options), file.backend, { signal: this.signal });
      const metadata = await readMetadata(file.backend, { signal: this.signal });
      await file.backend.close();
      return imageInfo(metadata, { filename: out, allocated: await allocatedSize(out) });
    } catch (error) {
      const line = await file.abandon();
      if (!isEngineError(error, "QCOW2_BAD_OPTION")) this.note(line);
      throw error;
    }
  }

  async #encode(source: ReadableBlockBackend, backing: ReadonlySet<string>): Promise<ImageInfo> {
    const { out } = this.args;
    const { identity } = source;
    const rawBytes = await source.size({ signal: this.signal });
    const metadata = await this.makeImage({
      out,
      flags: this.flags,
      size: this.#size(rawBytes),
      inputs: new Set([...backing, ...(identity === undefined ? [] : [identity])]),
      fill: (image) => this.#fill(source, rawBytes, image),
    });
    return imageInfo(metadata, { filename: out, allocated: await allocatedSize(out) });
  }

  #size(rawBytes: number): number {
    const { size = rawBytes } = this.flags;
    if (size >= rawBytes) return size;
    throw new CommandError(
      "CLI_USAGE",
      `${printable(this.args.raw)} has ${rawBytes} bytes, more than the ${size} of --size`,
    );
  }

  async #fill(source: ReadableBlockBackend, rawBytes: number, image: Qcow2Image): Promise<void> {
    const { encodeRaw } = await import("@qcow/engine");
    const options = await this.longOptions();
    await encodeRaw(source, image, { ...options, compress: this.flags.compress });
    const end = Math.ceil(rawBytes / SECTOR_BYTES) * SECTOR_BYTES;
    // What a backing file has there must not show.
    await image.writeZeroes(end, image.virtualSize - end, { unmap: true, signal: this.signal });
  }

  /** The image will be opened to be filled, so what it names must be allowed to be; said before OUT is touched. */
  async #requireBackingPolicy(): Promise<void> {
    const { "backing-file": name, "backing-format": format } = this.flags;
    if (name === undefined) return;
    const { out } = this.args;
    const from = parseAddress(out).location;
    const open = openerFor(out, this.openOptions());
    const { backend } = await open({ kind: "backing", name, format, from }, { signal: this.signal });
    await backend.close();
  }
}
