// `qcow discard`: gives the space of all-zero clusters back. Owns the output; finding them is the engine's.

import { boolean } from "@oclif/core/flags";
import { humanSize, QcowCommand } from "@qcow/cli-kit";
import { IMAGE } from "../image-argument.js";

export interface DiscardResult {
  readonly filename: string;
  /** Bytes of the guest's disk that were stored in the image before, and are not any more. */
  readonly "discarded-bytes": number;
}

export default class Discard extends QcowCommand<typeof Discard> {
  static override summary = "Release the clusters that hold nothing but zeros.";
  static override description =
    "Reads what the image itself stores, compressed clusters too, and gives up every cluster that is all zero; the disk " +
    "reads as before. The file gets holes where the host can make them, and is cut where its end is free. Interrupted, " +
    "the image is sound, and some clusters are released.";
  static override examples = [
    "<%= config.bin %> discard disk.qcow2",
    "<%= config.bin %> discard disk.qcow2 --progress --json",
  ];
  static override args = { image: IMAGE };
  static override flags = {
    "unsafe-buffering": boolean({
      description: "Do not wait for the disk: faster, but a power failure meanwhile may destroy the image.",
    }),
  };

  async run(): Promise<DiscardResult> {
    const { discardZeroes } = await import("@qcow/engine");
    const options = await this.longOptions();
    const filename = this.args.image;
    const { bytes } = await this.changeImage(filename, (image) => discardZeroes(image, options), {
      unsafeBuffering: this.flags["unsafe-buffering"],
    });
    if (!this.jsonEnabled()) {
      await this.print(
        bytes === 0 ? "There was nothing to release." : `Released ${humanSize(bytes)} (${bytes} bytes).`,
      );
    }
    return { filename, "discarded-bytes": bytes };
  }
}
