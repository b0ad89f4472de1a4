// `qcow check`: is the image consistent? Owns flags, exit codes and output; the check is the engine's and
// never writes.

import { string } from "@oclif/core/flags";
import { ExitCode, QcowCommand } from "@qcow/cli-kit";
import type { CheckReport } from "@qcow/engine";
import { isFormatError, printable } from "@qcow/format";
import { type CheckDocument, checkDocument } from "../check/check-document.js";
import { checkText } from "../check/check-text.js";
import { IMAGE } from "../image-argument.js";

export default class Check extends QcowCommand<typeof Check> {
  static override summary = "Check an image for corruption and leaked clusters.";
  static override description =
    "Follows every reference, compares the refcounts with what was found, and never writes. Findings go to stderr. " +
    "Exit codes are those of qemu-img: 0 clean, 1 could not check, 2 corrupt, 3 leaked clusters only, 63 no qcow2 image. When another " +
    "process grows the file meanwhile, the check is repeated up to 5 times.";
  static override examples = [
    "<%= config.bin %> check disk.qcow2",
    "<%= config.bin %> check disk.qcow2 --json",
  ];
  static override args = { image: IMAGE };
  static override flags = {
    output: string({ options: ["human", "json"], description: "The form of the output; human by default." }),
  };

  async run(): Promise<CheckDocument> {
    const { checkImage } = await import("@qcow/engine");
    const options = await this.longOptions();
    const backend = await this.openSource(this.args.image);
    try {
      const report = await checkImage(backend, options);
      // First: a reader of the output that goes away does not take the verdict with it.
      this.exitWith(exitCodeOf(report));
      this.#printFindings(report);
      if (!this.jsonEnabled()) await this.print(checkText(report));
      return checkDocument(report, this.args.image);
    } finally {
      await backend.close();
    }
  }

  /** A file of another format is nothing that this checks, as qemu-img has it. */
  protected override failureCode(error: Error): number | undefined {
    return isFormatError(error, "QCOW2_BAD_MAGIC") ? ExitCode.notSupported : undefined;
  }

  #printFindings({ findings, findingsOmitted, fileChanging }: CheckReport): void {
    for (const { severity, message, code } of findings) {
      this.note(`${severity === "leak" ? "" : "ERROR "}${printable(message)} (${code})`);
    }
    if (findingsOmitted > 0) this.note(`… and ${findingsOmitted} more.`);
    if (fileChanging) {
      this.note("Warning: another process is changing the file; what was found may be out of date.");
    }
  }
}

function exitCodeOf({ checkErrors, corruptions, leaks }: CheckReport): ExitCode {
  if (checkErrors > 0) return ExitCode.failed;
  if (corruptions > 0) return ExitCode.corrupt;
  return leaks > 0 ? ExitCode.leaks : ExitCode.ok;
}
