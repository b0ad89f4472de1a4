// `qcow check`: is the image consistent? Owns flags and output; the check is the engine's, and writes nothing unless a
// repair is asked for.

import { string } from "@oclif/core/flags";
import { isQcowTool, REMOTE_FLAGS, shownName } from "@qcow/cli-kit";
import type { CheckReport } from "@qcow/engine";
import { type CheckDocument, checkDocument } from "../check/check-document.js";
import { checkText, qcowToolText } from "../check/check-text.js";
import { CheckingCommand, exitCodeOf } from "../check/checking-command.js";
import { READ_IMAGE } from "../image-argument.js";
import { QEMU_READ_FLAGS } from "../qemu-img-flags.js";

export default class Check extends CheckingCommand<typeof Check> {
  static override summary = "Check an image for corruption and leaked clusters.";
  static override description =
    "Follows every reference, compares the refcounts with what was found, and never writes without --repair. Findings go to stderr. " +
    "Exit codes are those of qemu-img: 0 clean, 1 could not check, 2 corrupt, 3 leaked clusters only, 63 no qcow2 image. When another " +
    "process grows the file meanwhile, the check is repeated up to 5 times. With --repair the image is checked again, and the exit code " +
    "is that of the second check.";
  static override examples = [
    "<%= config.bin %> check disk.qcow2",
    "<%= config.bin %> check disk.qcow2 --json",
    "<%= config.bin %> check disk.qcow2 --repair leaks",
    "<%= config.bin %> check https://images.example/disk.qcow2 --bearer-env TOKEN",
  ];
  static override args = { image: READ_IMAGE };
  static override flags = {
    output: string({ options: ["human", "json"], description: "The form of the output; human by default." }),
    repair: string({
      char: "r",
      options: ["leaks", "all"],
      description: "Repair what is found: leaked clusters only, or whatever can be repaired.",
    }),
    ...QEMU_READ_FLAGS,
    ...REMOTE_FLAGS,
  };

  run(): Promise<CheckDocument> {
    const { image } = this.args;
    const { repair } = this.flags;
    return repair === undefined
      ? this.#check(image)
      : this.repair(image, { mode: repair === "leaks" ? "leaks" : "all" });
  }

  #text(report: CheckReport): string {
    return isQcowTool() && this.flags.output === undefined ? qcowToolText(report) : checkText(report);
  }

  async #check(image: string): Promise<CheckDocument> {
    const { checkImage } = await import("@qcow/engine");
    const options = await this.longOptions();
    const backend = await this.openSource(image);
    try {
      const report = await checkImage(backend, options);
      // First: a reader of the output that goes away does not take the verdict with it.
      this.exitWith(exitCodeOf(report));
      this.noteFindings(report);
      if (report.fileChanging) {
        this.note("Warning: another process is changing the file; what was found may be out of date.");
      }
      if (!this.jsonEnabled()) await this.print(this.#text(report));
      return checkDocument(report, shownName(image, backend));
    } finally {
      await backend.close();
    }
  }
}
