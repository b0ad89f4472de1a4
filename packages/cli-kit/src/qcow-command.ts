// The base of every command: common flags, JSON, errors and exit codes, interruption. Owns what happens
// around `run`; what a command does is its own file.

import { Command } from "@oclif/core/command";
import type { InferredArgs, InferredFlags } from "@oclif/core/interfaces";
import type { BlockBackend, LongOptions, ReadableBlockBackend } from "@qcow/block";
import type { Qcow2Image } from "@qcow/engine";
import { printable } from "@qcow/format";
import { parseAddress } from "./backend-address.js";
import { hasBackendScheme, type OpenBackendOptions, registerBackendScheme } from "./backend-registry.js";
import { CommandError } from "./command-error.js";
import { type CommandExtension, extensionFlags, loadExtensions } from "./command-extension.js";
import { COMMON_FLAGS, type CommonFlags } from "./common-flags.js";
import { printFailure } from "./error-report.js";
import { ExitCode } from "./exit-codes.js";
import { type FlagSpelling, fullFlagNames } from "./full-flag-names.js";
import { type Interruption, watchInterrupts } from "./interrupt.js";
import { jsonText } from "./json-text.js";
import { openForWriting } from "./open-for-writing.js";
import { type OpenImage, type OpenImageOptions, openImage, openSource } from "./open-image.js";
import { type OpenWritableImageOptions, openWritableImage, usingImage } from "./open-writable-image.js";
import { type ProgressDisplay, startProgress } from "./progress.js";
import type { QcowHooks } from "./qcow-hooks.js";
import { RemoteAccess } from "./remote-access.js";
import type { RemoteFlags } from "./remote-flags.js";
import { statisticsLine } from "./remote-statistics.js";
import type { NbdReports } from "./run-watch.js";
import { RunWatches } from "./run-watches.js";
import { hasOutputBegun, isOutputClosed, takeOverOutputErrors, writeOutput } from "./standard-output.js";

/** What a command that changes an image may say about how. */
export interface TargetOptions {
  /** Flushes do nothing: fast, and after a power failure the image may be lost. */
  readonly unsafeBuffering?: boolean | undefined;
}

export type QcowFlags<T extends typeof Command> = CommonFlags & InferredFlags<T["flags"]>;
export type QcowArgs<T extends typeof Command> = InferredArgs<T["args"]>;

/**
 * A command `T` names itself: `class Info extends QcowCommand<typeof Info>`. What `run` returns is printed
 * under `--json`; returning nothing means that the command has printed its document itself.
 */
export abstract class QcowCommand<T extends typeof Command> extends Command {
  static override baseFlags = COMMON_FLAGS;
  /** Whether plugins can add flags (command-extension.ts); oclif's manifest tells it to help. */
  static takesExtensions = true;

  // Set by init, which oclif awaits before it calls run.
  protected flags!: QcowFlags<T>;
  protected args!: QcowArgs<T>;
  #interruption: Interruption | undefined;
  #progress: ProgressDisplay | undefined;
  #remote: RemoteAccess | undefined;
  readonly #watches = new RunWatches();
  /** Settles when the document that oclif had printed has been taken. */
  #document: Promise<void> | undefined;
  /** Whether the document on stdout has what `--stats` asks for. */
  #hasTold = false;

  /** Runs the command under a configuration that is loaded already. */
  static async runLoaded<C extends QcowCommand<typeof Command>>(
    this: new (
      argv: string[],
      config: Command["config"],
    ) => C,
    argv: string[],
    config: Command["config"],
  ): Promise<unknown> {
    return new this(argv, config)._run();
  }

  protected override async _run<R>(): Promise<R> {
    const result = await super._run<R>();
    await this.#document;
    this.#noteStatistics();
    return result;
  }

  override async init(): Promise<void> {
    await super.init();
    takeOverOutputErrors();
    this.#interruption = watchInterrupts();
    const { all, failures } = await loadExtensions(this.config);
    try {
      const command = all.length === 0 ? this.ctor : this.#extended(all);
      const spellings = { ...command.baseFlags, ...command.flags } as Readonly<Record<string, FlagSpelling>>;
      this.argv = fullFlagNames(this.argv, spellings);
      const { args, flags } = await this.parse(command);
      this.flags = flags as QcowFlags<T>;
      this.args = args as QcowArgs<T>;
    } catch (error) {
      // oclif complains, outside of production, of commands that do not parse; this one has tried.
      this.parsed = true;
      throw usageError(error);
    }
    for (const { plugin, error } of failures) this.#warn(`the plugin ${plugin} adds no flags`, error);
    await this.#watches.begin(all, {
      command: this.#name,
      version: this.config.version,
      flags: this.flags,
      signal: this.signal,
      note: (line) => this.note(line),
    });
  }

  get #name(): string {
    return this.id ?? "";
  }

  /** What oclif's parser wants to know of this command, with the flags of `extensions`. */
  #extended(extensions: readonly CommandExtension[]): typeof Command {
    const { ctor } = this;
    const own = { ...ctor.baseFlags, ...ctor.flags };
    const flags = { ...ctor.flags, ...extensionFlags(extensions, this.#name, own) };
    return Object.assign(Object.create(ctor), { flags, args: ctor.args, baseFlags: ctor.baseFlags });
  }

  #warn(what: string, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.note(`Warning: ${printable(`${what}: ${why}`)}`);
  }

  /** Aborted by SIGINT, SIGTERM and SIGHUP; to be handed to everything that may take long. */
  protected get signal(): AbortSignal {
    this.#interruption ??= watchInterrupts();
    return this.#interruption.signal;
  }

  /** `--json`, or its other name where qemu-img has one. Looks at the words: it must be known when they cannot be parsed. */
  override jsonEnabled(): boolean {
    const end = this.argv.indexOf("--");
    const words = end === -1 ? this.argv : this.argv.slice(0, end);
    return words.some(
      (word, index) =>
        word === "--json" ||
        /^--output=json$/i.test(word) ||
        (word === "--output" && /^json$/i.test(words[index + 1] ?? "")),
    );
  }

  override logJson(document: unknown): void {
    const printed = this.print(jsonText(this.#withStatistics(document)));
    this.#document = printed.catch((error: Error) => this.catch(error));
  }

  /** Writes lines for people, or a document, to stdout, below the progress bar; waits until they are taken. */
  protected print(text: string): Promise<void> {
    this.#progress?.stop();
    return this.write(`${text}\n`);
  }

  /** Writes data to stdout and waits until it is taken, or the command is interrupted. */
  protected write(chunk: Uint8Array | string): Promise<void> {
    return writeOutput(chunk, { signal: this.signal });
  }

  /** Writes a line to stderr, unless `--quiet`. */
  protected note(line: string): void {
    if (!this.flags.quiet) process.stderr.write(`${line}\n`);
  }

  /** The code the process will end with, when the command did its work but has bad news. */
  protected exitWith(code: number): void {
    process.exitCode = code;
  }

  /** Options for an operation that may take long: cancelling, and the progress that the flags ask for. */
  protected async longOptions(): Promise<LongOptions> {
    this.#progress ??= await startProgress({
      progress: this.flags.progress,
      fd: this.flags["progress-fd"],
      quiet: this.flags.quiet,
      onFailure: (error) => {
        if (this.flags.debug) this.note(`progress ended: ${printable(String(error))}`);
      },
    });
    return { signal: this.signal, onProgress: this.#progress.onProgress };
  }

  protected openOptions(): OpenImageOptions {
    return {
      signal: this.signal,
      policy: this.flags.backing,
      trace: this.flags.trace ? traceLine : undefined,
      remote: this.#remoteAccess(),
      watch: this.#watches.image,
    };
  }

  /** What an NBD server is to report to, as its observer; undefined when nobody wants to know. */
  protected get nbdReports(): NbdReports | undefined {
    return this.#watches.nbd;
  }

  #remoteAccess(): RemoteAccess {
    if (this.#remote !== undefined) return this.#remote;
    const remote = new RemoteAccess({
      // Absent where a command does not have them.
      flags: this.flags as RemoteFlags,
      trace: this.flags.trace ? traceLine : undefined,
    });
    this.#watches.http(() => remote.statistics);
    this.#remote = remote;
    return remote;
  }

  /** `document` with what `--stats` asks for, where that fits in. */
  #withStatistics(document: unknown): unknown {
    const remote = this.#toTell();
    if (remote === undefined || typeof document !== "object" || document === null || Array.isArray(document))
      return document;
    this.#hasTold = true;
    return { ...document, http: remote.statistics };
  }

  // A document that is a list, or is printed by the command itself, has no place for it.
  #noteStatistics(): void {
    const remote = this.#toTell();
    if (remote === undefined || this.#hasTold) return;
    const { statistics } = remote;
    const line = this.jsonEnabled() ? JSON.stringify({ http: statistics }) : statisticsLine(statistics);
    process.stderr.write(`${line}\n`);
  }

  #toTell(): RemoteAccess | undefined {
    return (this.flags as RemoteFlags | undefined)?.stats === true && this.#remote?.isUsed === true
      ? this.#remote
      : undefined;
  }

  /** Opens the bytes of an image, and nothing that it names. The caller closes it. */
  protected async openSource(
    address: string,
    options: Pick<OpenBackendOptions, "lock" | "headBytes"> = {},
  ): Promise<ReadableBlockBackend> {
    await this.#loadBackends(address);
    return openSource(address, { ...this.openOptions(), ...options });
  }

  /** Opens an image for reading its contents. The caller closes it. */
  protected async openImage(
    address: string,
    snapshot?: string,
    options: Partial<OpenImageOptions> = {},
  ): Promise<OpenImage> {
    await this.#loadBackends(address);
    return openImage(address, { ...this.openOptions(), ...options, snapshot });
  }

  /** Opens the bytes of a local image for changing them, under an exclusive lock. The caller closes it. */
  protected openTarget(address: string, options: TargetOptions = {}): Promise<BlockBackend> {
    return openForWriting(address, { ...this.writableOptions(address), ...options });
  }

  /** Runs `job` with a local image open for changing it, and closes that: then everything is durable. */
  protected async changeImage<R>(
    address: string,
    job: (image: Qcow2Image) => Promise<R>,
    options: TargetOptions = {},
  ): Promise<R> {
    const opened = await openWritableImage(address, { ...this.writableOptions(address), ...options });
    return await usingImage(opened, ({ image }) => job(image));
  }

  /** Options for opening the image at `address` for changing it. */
  protected writableOptions(address: string): OpenWritableImageOptions {
    const warn = (line: string): void => this.note(`Warning: ${printable(address)}: ${line}.`);
    return { ...this.openOptions(), warn };
  }

  /** Asks the plugins for their backends, once a scheme is wanted that is not known. */
  async #loadBackends(address: string): Promise<void> {
    if (hasBackendScheme(parseAddress(address).scheme)) return;
    await this.config.runHook<"qcow:backends", QcowHooks>("qcow:backends", { registerBackendScheme });
  }

  /** The exit code for a failure that the command has an own one for; undefined leaves it at 1. */
  protected failureCode(_error: Error): number | undefined {
    return undefined;
  }

  override async catch(error: Error): Promise<void> {
    this.#progress?.stop();
    if (isOutputClosed(error)) {
      process.exitCode ??= ExitCode.ok;
      return;
    }
    printFailure(error, {
      json: this.jsonEnabled() && !hasOutputBegun(),
      debug: this.argv.includes("--debug"),
      signal: this.#interruption?.signal,
      exitCode: this.failureCode(error),
    });
  }

  override async finally(error: Error | undefined): Promise<void> {
    this.#progress?.stop();
    const exitCode = Number(process.exitCode ?? ExitCode.ok);
    const interrupted = this.#interruption?.signal.aborted === true;
    await this.#watches.finish({ exitCode, error, interrupted }, (failure) =>
      this.#warn("what watches this command failed", failure),
    );
    this.#interruption?.dispose();
    // Node.js would wait for a reader of stdout that does not read.
    if (this.#interruption?.signal.aborted && process.stdout.writableLength > 0) process.exit();
  }
}

function traceLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Whatever oclif says while it parses is about the command line, even where it does not mark it so. */
function usageError(error: unknown): unknown {
  if (!(error instanceof Error) || !("oclif" in error)) return error;
  return new CommandError("CLI_USAGE", error.message, { cause: error });
}
