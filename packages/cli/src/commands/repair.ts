// `qcow repair`: everything that can be mended, mended. Owns the flags; the repair is the engine's, its report
// checking-command.ts.

import { boolean } from "@oclif/core/flags";
import type { CheckDocument } from "../check/check-document.js";
import { CheckingCommand } from "../check/checking-command.js";
import { IMAGE } from "../image-argument.js";

export default class Repair extends CheckingCommand<typeof Repair> {
  static override summary = "Repair what can be repaired of an image.";
  static override description =
    "The same as `check --repair all`: sets refcounts and flags right, frees leaked clusters, and clears the dirty and " +
    "corrupt marks once a check finds nothing any more. What cannot be mended is reported and left as it is; nothing is made " +
    "up. Nobody else may have the image open for writing. An interrupted repair does no harm. Exit codes are those of `check`.";
  static override examples = [
    "<%= config.bin %> repair disk.qcow2",
    "<%= config.bin %> repair disk.qcow2 --json",
  ];
  static override args = { image: IMAGE };
  static override flags = {
    "unsafe-buffering": boolean({
      description: "Do not wait for the disk: faster, but a power failure meanwhile may destroy the image.",
    }),
  };

  run(): Promise<CheckDocument> {
    return this.repair(this.args.image, {
      mode: "all",
      unsafeBuffering: this.flags["unsafe-buffering"],
    });
  }
}
