// `qcow rehydrate`: an image of what dehydrate wrote. Owns names and output; making the image is the library's.

import { string } from "@oclif/core/args";
import { QcowCommand, REMOTE_FLAGS } from "@qcow/cli-kit";
import { printable } from "@qcow/format";
import { openDehydrated } from "../files/dehydrated-files.js";
import { PendingFile } from "../files/pending-file.js";
import { type Rehydrated, type RehydrateSource, rehydrate } from "../rehydrate.js";

export interface RehydrateResult {
  readonly output: string;
  /** Length of the image file in bytes. */
  readonly "file-size": number;
  readonly "metadata-size": number;
  readonly intervals: number;
  /** Bytes of metadata that qcow-tool left out when it wrote the files. */
  readonly "missing-bytes": number;
}

export default class Rehydrate extends QcowCommand<typeof Rehydrate> {
  static override summary = "Make an image of what dehydrate wrote.";
  static override description =
    "OUT is as long as the image was and has all of its structure, so info, check, map and repair say of it what they said of " +
    "the image. Contents are zero, and take no space; reading a compressed cluster fails, because its data are not there. " +
    "Files of qcow-tool (0.10 and later) are read too; of long tables it wrote the first MiB only, and then rehydrate says so. " +
    "What OUT held before is lost, once the new file is whole.";
  static override examples = [
    "<%= config.bin %> rehydrate for-support broken.qcow2",
    "<%= config.bin %> rehydrate for-support.tar.gz broken.qcow2",
  ];
  static override args = {
    prefix: string({
      required: true,
      description: "PREFIX of PREFIX.map and PREFIX.meta, or the single file.",
    }),
    out: string({ required: true, description: "The image to make: a path or a file: URL." }),
  };
  static override flags = { ...REMOTE_FLAGS };

  async run(): Promise<RehydrateResult> {
    const { prefix, out } = this.args;
    const options = { signal: this.signal };
    const files = await openDehydrated(prefix, (address) => this.openSource(address), options);
    try {
      const { source, identities } = files;
      const done = await this.#make(source, identities);
      if (done.missingBytes > 0) this.note(cutText(done));
      this.note(`Wrote ${printable(out)}: a file of ${done.totalSize} bytes.`);
      return {
        output: out,
        "file-size": done.totalSize,
        "metadata-size": done.metaBytes,
        intervals: done.intervalCount,
        "missing-bytes": done.missingBytes,
      };
    } finally {
      await files.close();
    }
  }

  async #make(source: RehydrateSource, inputs: ReadonlySet<string>): Promise<Rehydrated> {
    const { out } = this.args;
    const file = await PendingFile.open(out, { ...this.writableOptions(out), inputs });
    try {
      const done = await rehydrate(source, file.backend, await this.longOptions());
      await file.finish();
      return done;
    } finally {
      await file.abandon();
    }
  }
}

function cutText({ missingBytes, cutIntervals }: Rehydrated): string {
  const where = cutIntervals === 1 ? "1 interval" : `${cutIntervals} intervals`;
  return (
    `Warning: qcow-tool wrote these files, and only the first MiB of ${where} of the map: ${missingBytes} bytes of ` +
    "metadata are missing and zero, so check finds damage that the image need not have."
  );
}
