// Turns whatever a command threw into what the user sees: one line with a code, what to do about it,
// an exit code. Owns the mapping; printing is the base command's.

import { isBackendError } from "@qcow/block";
import { printable } from "@qcow/format";
import { isCommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { jsonText } from "./json-text.js";

export interface ErrorReport {
  readonly code: string;
  /** One line, safe to print on a terminal. */
  readonly message: string;
  /** What the user can do about it. */
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** Where in the image: structure, field, offset, as far as the error knows. */
  readonly where: Readonly<Record<string, string | number>>;
}

/** Classes of the layers below whose codes are API. */
const LAYER_ERRORS = new Set([
  "FormatError",
  "EngineError",
  "BackendError",
  "CommandError",
  "DehydrateError",
]);

const HINTS: Readonly<Record<string, string>> = {
  BACKEND_NOT_FOUND: "Check the name and the folder.",
  BACKEND_PERMISSION: "Check the permissions of the file, or run as a user who may use it.",
  QCOW2_CORRUPT: "Make a copy of the image, then run: qcow repair IMAGE.",
  QCOW2_DATA_LOSS: "If you want to lose it, say --shrink.",
  QCOW2_FLUSH_FAILED:
    "The storage failed. What was flushed before is safe; check the disk, then run: qcow check IMAGE.",
  QCOW2_BAD_MAGIC: "This is no qcow2 image; `file` may know what it is.",
};

const BUG_HINT = "This is a bug in qcow. Run again with --debug and report what it prints.";

/** Describes `error`; never throws. `signal` is the one the command ran under. */
export function reportError(error: unknown, signal?: AbortSignal): ErrorReport {
  if (signal?.aborted && (error === signal.reason || isAbort(error))) return interrupted(error);
  if (isUsageError(error)) return usage(error);
  if (isOclifError(error)) return failure(error);
  if (!(error instanceof Error) || !isLayerError(error)) return bug(error);
  return {
    code: error.code,
    message: oneLine(error.message),
    hint: hintOf(error),
    exitCode: exitCodeOf(error),
    where: whereOf(error),
  };
}

/** The lines for stderr: the error with its code, then the hint. */
export function errorLines(bin: string, report: ErrorReport): string[] {
  const lines = [`${bin}: ${report.message} (${report.code})`];
  if (report.hint !== undefined) lines.push(report.hint);
  return lines;
}

/** The document that a failing command prints under `--json`. */
export function errorDocument(report: ErrorReport): { readonly error: Readonly<Record<string, unknown>> } {
  const { code, message, hint, exitCode, where } = report;
  return { error: { code, message, ...(hint === undefined ? {} : { hint }), exitCode, ...where } };
}

export interface FailureOptions {
  readonly json: boolean;
  readonly debug: boolean;
  readonly signal?: AbortSignal | undefined;
  /** What a plain failure ends with; 1 by default. */
  readonly exitCode?: number | undefined;
}

/**
 * Tells the user of a failure and sets the exit code: the document on stdout under `json`, the lines on
 * stderr, the stacks under `debug`.
 */
export function printFailure(error: unknown, options: FailureOptions): void {
  const oclifExit = exitRequested(error);
  if (oclifExit !== undefined) {
    process.exitCode = oclifExit;
    return;
  }
  const plain = reportError(error, options.signal);
  const report =
    plain.exitCode === ExitCode.failed ? { ...plain, exitCode: options.exitCode ?? plain.exitCode } : plain;
  process.exitCode = report.exitCode;
  if (options.json) process.stdout.write(`${jsonText(errorDocument(report))}\n`);
  for (const line of errorLines("qcow", report)) process.stderr.write(`${line}\n`);
  if (options.debug) process.stderr.write(`${errorTrace(error)}\n`);
}

/** The code of oclif's way to end a command early (`this.exit(0)`), which is no failure to speak of. */
function exitRequested(error: unknown): number | undefined {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "EEXIT") return undefined;
  return (error as { oclif?: { exit?: number } }).oclif?.exit ?? ExitCode.ok;
}

/** The stack of `error` and of all its causes, for `--debug`. */
export function errorTrace(error: unknown): string {
  const lines: string[] = [];
  let current = error;
  for (let depth = 0; depth < 10 && current !== undefined; depth++) {
    const text = current instanceof Error ? (current.stack ?? current.message) : String(current);
    lines.push(...`${depth === 0 ? "" : "caused by: "}${text}`.split("\n").map((line) => printable(line)));
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines.join("\n");
}

/** A command that has something to say of what it leaves behind wraps the abort into an error of this code. */
function interrupted(error: unknown): ErrorReport {
  return {
    code: "CLI_INTERRUPTED",
    message: "interrupted",
    hint: isCommandError(error, "CLI_INTERRUPTED") ? error.hint : undefined,
    exitCode: ExitCode.interrupted,
    where: {},
  };
}

function usage(error: Error): ErrorReport {
  return {
    code: "CLI_USAGE",
    message: oneLine(usageMessage(error)),
    hint: isCommandError(error) && error.hint !== undefined ? error.hint : "See more help with --help.",
    exitCode: ExitCode.usage,
    where: {},
  };
}

/** oclif lays its messages out over several lines, with a pointer to the help that is our hint. */
function usageMessage(error: Error): string {
  const missing = missingArguments(error) ?? missingArguments(error.cause);
  if (missing !== undefined) return `missing argument: ${missing.join(", ")}`;
  const [first = "wrong usage", ...rest] = error.message
    .replace(/\n?See more help with --help\s*$/, "")
    .split("\n")
    .map((line) => line.trim().replace(/\s+/g, " "))
    .filter((line) => line !== "");
  const heading = rest.length === 0 || first.endsWith(":") ? first : `${first}:`;
  return lowerFirst([heading, rest.join("; ")].join(" ").trim());
}

/** The names of the arguments that oclif's parser misses; undefined when the error is another. */
function missingArguments(error: unknown): string[] | undefined {
  if (!(error instanceof Error) || !/^Missing [0-9]+ required arg/.test(error.message)) return undefined;
  const { args } = error as { args?: readonly { readonly name: string }[] };
  return args?.map(({ name }) => name.toUpperCase());
}

function failure(error: Error): ErrorReport {
  return {
    code: "CLI_FAILED",
    message: oneLine(error.message),
    hint: undefined,
    exitCode: ExitCode.failed,
    where: {},
  };
}

function bug(error: unknown): ErrorReport {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "CLI_BUG",
    message: oneLine(`internal error: ${message}`),
    hint: BUG_HINT,
    exitCode: ExitCode.bug,
    where: {},
  };
}

function exitCodeOf(error: Error & { readonly code: string }): number {
  return isCommandError(error, "CLI_BUG") ? ExitCode.bug : ExitCode.failed;
}

/** The hint of the error itself or of what caused it, else the one for its code. */
function hintOf(error: Error & { readonly code: string }): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 10 && current instanceof Error; depth++) {
    if (isCommandError(current) && current.hint !== undefined) return current.hint;
    current = current.cause;
  }
  return HINTS[error.code];
}

function whereOf(error: Error): Record<string, string | number> {
  const where: Record<string, string | number> = {};
  const fields = error as { structure?: unknown; field?: unknown; offset?: unknown; label?: unknown };
  if (typeof fields.structure === "string") where.structure = fields.structure;
  if (typeof fields.field === "string") where.field = fields.field;
  if (typeof fields.offset === "number") where.offset = fields.offset;
  if (isBackendError(error) && typeof fields.label === "string") where.file = fields.label;
  return where;
}

function isLayerError(error: Error): error is Error & { readonly code: string } {
  return LAYER_ERRORS.has(error.name) && typeof (error as { code?: unknown }).code === "string";
}

/** oclif's parser marks its errors with what it was parsing: unknown flags, missing arguments. */
function isUsageError(error: unknown): error is Error {
  if (isCommandError(error)) return error.code === "CLI_USAGE";
  return isOclifError(error) && "parse" in error;
}

/** What oclif and its plugins throw on purpose, with `this.error(…)`. */
function isOclifError(error: unknown): error is Error {
  return error instanceof Error && "oclif" in error;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || isAbort(error.cause));
}

function oneLine(text: string): string {
  return printable(text.replace(/\s*\n\s*/g, " ").trim());
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
