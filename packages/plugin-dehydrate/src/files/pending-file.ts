// A file that a command makes. Owns that nobody ever sees it unfinished: it has another name until it is whole, and what had
// its name stays until then.

import { randomBytes } from "node:crypto";
import { realpath, rename, stat, unlink } from "node:fs/promises";
import type { BlockBackend } from "@qcow/block";
import { CommandError, type OpenForWritingOptions, openForWriting, parseAddress } from "@qcow/cli-kit";

export interface PendingFileOptions extends OpenForWritingOptions {
  /** Identities (`ReadableBlockBackend.identity`) of the files that it is made from. */
  readonly inputs: ReadonlySet<string>;
}

export class PendingFile {
  readonly backend: BlockBackend;
  readonly #path: string;
  readonly #temporary: string;
  /** What has the name now, locked against those who use it. */
  readonly #old: BlockBackend | undefined;

  private constructor(backend: BlockBackend, path: string, temporary: string, old: BlockBackend | undefined) {
    this.backend = backend;
    this.#path = path;
    this.#temporary = temporary;
    this.#old = old;
  }

  /**
   * @throws CommandError `CLI_USAGE` when something else than a file has the name, `CLI_OUTPUT_IS_INPUT` when it is one of
   *   the inputs; BackendError `BACKEND_LOCKED` when somebody else has the file open for writing.
   */
  static async open(address: string, { inputs, ...options }: PendingFileOptions): Promise<PendingFile> {
    const { scheme, location } = parseAddress(address);
    // A link stays one.
    const path = scheme === "file" ? await realpath(location).catch(() => location) : location;
    const old = await openOld(address, path, inputs, options);
    try {
      const temporary = `${path}.part-${randomBytes(4).toString("hex")}`;
      const to = scheme === "file" ? temporary : address;
      const backend = await openForWriting(to, { ...options, exclusive: true });
      return new PendingFile(backend, path, temporary, old);
    } catch (error) {
      await old?.close();
      throw error;
    }
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    await this.backend.flush();
    await this.backend.close();
    await rename(this.#temporary, this.#path);
    await this.#old?.close();
  }

  /** Has never been; after `finish` it does nothing. */
  async abandon(): Promise<void> {
    await this.backend.close();
    await this.#old?.close();
    await unlink(this.#temporary).catch(() => undefined);
  }
}

async function openOld(
  address: string,
  path: string,
  inputs: ReadonlySet<string>,
  options: OpenForWritingOptions,
): Promise<BlockBackend | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isFile()) throw new CommandError("CLI_USAGE", `${address} is there, and is no file`);
  const old = await openForWriting(address, { ...options, exclusive: false });
  if (!inputs.has(old.identity ?? "")) return old;
  await old.close();
  throw new CommandError("CLI_OUTPUT_IS_INPUT", `${address} is a file that the output is made from`, {
    hint: "Choose another name for the output.",
  });
}
