// What `check` and `repair` share: the repair itself, findings on stderr, exit codes. Owns no flags.

import type { Command } from "@oclif/core/command";
import { ExitCode, QcowCommand } from "@qcow/cli-kit";
import type { CheckReport, Finding, RepairReport } from "@qcow/engine";
import { isFormatError, printable } from "@qcow/format";
import { type CheckDocument, repairDocument } from "./check-document.js";
import { checkText, repairText } from "./check-text.js";

export interface RepairChoice {
  readonly mode: "leaks" | "all";
  /** Flushes do nothing. */
  readonly unsafeBuffering?: boolean;
}

export abstract class CheckingCommand<T extends typeof Command> extends QcowCommand<T> {
  /** Repairs the image at `address`; findings go to stderr, the summary to stdout, the exit code is that of the check afterwards. */
  protected async repair(
    address: string,
    { mode, unsafeBuffering = false }: RepairChoice,
  ): Promise<CheckDocument> {
    const { repairImage } = await import("@qcow/engine");
    const options = await this.longOptions();
    const backend = await this.openTarget(address, { unsafeBuffering });
    let report: RepairReport;
    try {
      report = await repairImage(backend, { ...options, mode });
    } finally {
      await backend.close();
    }
    this.exitWith(exitCodeOf(report.after));
    this.#noteRepair(report);
    if (!this.jsonEnabled()) await this.print([...repairText(report), checkText(report.after)].join("\n"));
    return repairDocument(report, address);
  }

  /** The findings of `report`, one a line. */
  protected noteFindings({ findings, findingsOmitted }: CheckReport): void {
    for (const finding of findings) this.note(findingLine(finding));
    if (findingsOmitted > 0) this.note(`… and ${findingsOmitted} more.`);
  }

  // What was found, then what of it is left, or why nothing was done.
  #noteRepair({ before, after, leaksFixed, corruptionsFixed }: RepairReport): void {
    this.noteFindings(before);
    const known = new Set(before.findings.map(findingLine));
    if (leaksFixed + corruptionsFixed === 0) {
      for (const line of after.findings.map(findingLine)) if (!known.has(line)) this.note(line);
    } else if (after.findings.length > 0) {
      this.note("After the repair:");
      this.noteFindings(after);
    }
    if (after.leaks > 0 && after.corruptions > 0) {
      this.note(
        "Leaked clusters may be what the damaged references meant: they stay until those are mended.",
      );
    }
  }

  /** A file of another format is nothing that this checks, as qemu-img has it. */
  protected override failureCode(error: Error): number | undefined {
    return isFormatError(error, "QCOW2_BAD_MAGIC") ? ExitCode.notSupported : undefined;
  }
}

function findingLine({ severity, message, code }: Finding): string {
  return `${severity === "leak" ? "" : "ERROR "}${printable(message)} (${code})`;
}

export function exitCodeOf({ checkErrors, corruptions, leaks }: CheckReport): ExitCode {
  if (checkErrors > 0) return ExitCode.failed;
  if (corruptions > 0) return ExitCode.corrupt;
  return leaks > 0 ? ExitCode.leaks : ExitCode.ok;
}
