// The file that a command makes an image in, or the image's data file. Owns that it is locked, that it is none of the
// files being read, and that a new one which was not finished is removed again. What it held stays until it is written to.

import { unlinkSync } from "node:fs";
import { type BlockBackend, isBackendError } from "@qcow/block";
import { printable } from "@qcow/format";
import { parseAddress } from "./backend-address.js";
import { CommandError } from "./command-error.js";
import { COPY_BYTES_MAX } from "./copy-bytes.js";
import { type OpenForWritingOptions, openForWriting } from "./open-for-writing.js";

export interface OpenNewImageOptions extends Omit<OpenForWritingOptions, "exclusive"> {
  /** Identities (`ReadableBlockBackend.identity`) of the files that the new image is made from, or is to lean on. */
  readonly inputs?: ReadonlySet<string> | undefined;
}

/** A file, made or found, that is about to become an image. */
export interface NewImageFile {
  readonly backend: BlockBackend;
  /** Removes it, if it is new, closes it, and says in a line what has become of it. */
  abandon(): Promise<string>;
}

/**
 * Opens a path or `file:` URL for writing under an exclusive lock, making the file when there is none. Nothing is cut or
 * written yet. The caller closes the backend, or abandons it.
 *
 * @throws CommandError `CLI_READ_ONLY_ADDRESS` for a URL of another scheme, `CLI_OUTPUT_IS_INPUT` when the file is one of
 *   `inputs`; BackendError `BACKEND_LOCKED` when somebody else has the file open for writing.
 */
export async function openNewImage(
  address: string,
  options: OpenNewImageOptions = {},
): Promise<NewImageFile> {
  const { inputs = new Set() } = options;
  const { backend, isNew } = await openOrMake(address, options).catch(async (error: unknown) => {
    // The lock that is in the way may be our own.
    const isOurs = isBackendError(error, "BACKEND_LOCKED") && (await isOneOf(inputs, address));
    throw isOurs ? isInput(address) : error;
  });
  if (inputs.has(backend.identity ?? "")) {
    await backend.close();
    throw isInput(address);
  }
  return {
    backend,
    abandon: async () => {
      try {
        // While it is locked still: nobody else's file is removed.
        if (isNew) unlinkSync(parseAddress(address).location);
      } finally {
        await backend.close();
      }
      return isNew
        ? `The incomplete ${printable(address)} was removed.`
        : `${printable(address)} is incomplete.`;
    },
  };
}

async function openOrMake(
  address: string,
  given: OpenForWritingOptions,
): Promise<{ readonly backend: BlockBackend; readonly isNew: boolean }> {
  const options = { ...given, atOnceBytes: COPY_BYTES_MAX };
  try {
    return { backend: await openForWriting(address, { ...options, exclusive: true }), isNew: true };
  } catch (error) {
    if (!isBackendError(error, "BACKEND_EXISTS")) throw error;
  }
  return { backend: await openForWriting(address, { ...options, exclusive: false }), isNew: false };
}

async function isOneOf(inputs: ReadonlySet<string>, address: string): Promise<boolean> {
  const { openReadable } = await import("@qcow/backend-node");
  const backend = await openReadable(parseAddress(address).location);
  await backend.close();
  return inputs.has(backend.identity ?? "");
}

function isInput(address: string): CommandError {
  const message = `${address} is a file that the new image is made from, or is to lean on`;
  return new CommandError("CLI_OUTPUT_IS_INPUT", message, { hint: "Choose another name for the output." });
}
