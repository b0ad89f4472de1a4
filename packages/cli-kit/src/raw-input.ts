// A raw disk, or other bytes, that a command reads into an image. Owns that it is none of the image's own files.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { CommandError } from "./command-error.js";
import { COPY_READ_BYTES_MAX } from "./copy-bytes.js";

/**
 * Opens the file or block device at `path` for reading; its holes are known where the host can tell. The caller closes it.
 *
 * @throws CommandError `CLI_OUTPUT_IS_INPUT` when it is one of the files with the identities `outputs`.
 */
export async function openRawInput(
  path: string,
  outputs: ReadonlySet<string>,
  options: IoOptions = {},
): Promise<ReadableBlockBackend> {
  const { openReadable } = await import("@qcow/backend-node");
  const backend = await openReadable(path, {
    lock: "shared",
    sparse: true,
    atOnceBytes: COPY_READ_BYTES_MAX,
    signal: options.signal,
  });
  if (!outputs.has(backend.identity ?? "")) return backend;
  await backend.close();
  throw new CommandError(
    "CLI_OUTPUT_IS_INPUT",
    `${path} is a file of the image that it is to be written to`,
    {
      hint: "Choose another name.",
    },
  );
}
