// `qcow dehydrate`: what is in an image but for its contents, in files to hand on. Owns flags, names and output; what is in
// the files is the library's.

import { string } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import type { ReadableBlockBackend } from "@qcow/block";
import { QcowCommand, REMOTE_FLAGS, shownName } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import { packSingle } from "../archive/single-file.js";
import { type Dehydrated, dehydrate } from "../dehydrate.js";
import { writeChunks } from "../files/chunks.js";
import { compress } from "../files/compression.js";
import { ARCHIVE_END, MAP_END, META_END } from "../files/names.js";
import { PendingFile } from "../files/pending-file.js";

export interface DehydrateResult {
  readonly filename: string;
  /** The files that were written. */
  readonly outputs: readonly string[];
  /** Length of the image file in bytes. */
  readonly "file-size": number;
  readonly "metadata-size": number;
  readonly intervals: number;
  readonly scrubbed: boolean;
  /** What is damaged, and what was left out for other reasons than being contents. */
  readonly notes: readonly string[];
}

export default class Dehydrate extends QcowCommand<typeof Dehydrate> {
  static override summary = "Write the structure of an image, without its contents, to files to hand on.";
  static override description =
    "PREFIX.map says where metadata lies in the image, PREFIX.meta has the bytes: header, tables, refcounts, snapshots, " +
    "bitmaps. Contents of the disk, compressed or not, saved VM states and keys of an encryption are left out. What stays: " +
    "names of files, snapshots and bitmaps (see --scrub), which clusters are in use, and what bitmaps say of which were " +
    "written. A damaged image is followed as far as it makes sense. rehydrate makes an image of the files again; qcow-tool " +
    "reads them too. What the files held before is lost, once the new ones are whole.";
  static override examples = [
    "<%= config.bin %> dehydrate disk.qcow2 for-support",
    "<%= config.bin %> dehydrate disk.qcow2 for-support --scrub --single",
    "<%= config.bin %> dehydrate https://images.example/disk.qcow2 for-support",
  ];
  static override args = {
    image: string({ required: true, description: "A qcow2 image: a path, or a URL." }),
    prefix: string({
      required: true,
      description: "Where to write: PREFIX.map and PREFIX.meta, or PREFIX.tar.gz.",
    }),
  };
  static override flags = {
    scrub: boolean({
      description: "Replace names of the backing file, the data file, snapshots and bitmaps.",
    }),
    single: boolean({
      description: "Write one compressed file, PREFIX.tar.gz; tar can take it apart into the two.",
    }),
    ...REMOTE_FLAGS,
  };

  async run(): Promise<DehydrateResult> {
    const { image } = this.args;
    const { scrub } = this.flags;
    const source = await this.openSource(image);
    try {
      const dehydrated = await dehydrate(source, { ...(await this.longOptions()), scrub });
      const outputs = await this.#write(source, dehydrated);
      const { totalSize, metaBytes, intervalCount, notes } = dehydrated;
      for (const note of notes) this.note(`Note: ${printable(note)}.`);
      const names = outputs.map((name) => printable(name)).join(" and ");
      this.note(`Wrote ${names}: ${metaBytes} bytes of metadata, of a file of ${totalSize} bytes.`);
      return {
        filename: shownName(image, source),
        outputs,
        "file-size": totalSize,
        "metadata-size": metaBytes,
        intervals: intervalCount,
        scrubbed: scrub === true,
        notes,
      };
    } finally {
      await source.close();
    }
  }

  async #write({ identity }: ReadableBlockBackend, dehydrated: Dehydrated): Promise<string[]> {
    const { prefix } = this.args;
    const options = { signal: this.signal };
    const names = (this.flags.single ? [ARCHIVE_END] : [MAP_END, META_END]).map((end) => prefix + end);
    const inputs = new Set(identity === undefined ? [] : [identity]);
    const files: PendingFile[] = [];
    try {
      for (const name of names)
        files.push(await PendingFile.open(name, { ...this.writableOptions(name), inputs }));
      const [first, second] = files.map(({ backend }) => backend);
      if (first === undefined) throw new TypeError("no output");
      if (second === undefined)
        await compress(packSingle(dehydrated), (chunks) => writeChunks(chunks, first, options), options);
      else {
        await writeChunks(dehydrated.map(), first, options);
        await writeChunks(dehydrated.meta(), second, options);
      }
      for (const file of files) await file.finish();
      return names;
    } finally {
      for (const file of files) await file.abandon();
    }
  }
}
