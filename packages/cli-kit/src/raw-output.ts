// A raw image that a command writes. Owns that it is not one of the files being read, and that a new one
// which was not finished is removed again.

import { statSync, unlinkSync } from "node:fs";
import type { BlockBackend } from "@qcow/block";
import { printable } from "@qcow/format";
import { CommandError } from "./command-error.js";
import { COPY_BYTES_MAX } from "./copy-bytes.js";

export interface RawOutput {
  readonly backend: BlockBackend;
  /** Whether it is a block device, whose length cannot be set. */
  readonly isDevice: boolean;
  /** Closes it unfinished, removes it if it is new, and says in a line what has become of it. */
  abandon(): Promise<string>;
}

/**
 * Opens `path` for writing, making a file when there is none. Nothing is cut or written yet.
 *
 * @throws CommandError `CLI_OUTPUT_IS_INPUT` when it is one of the files with the identities `inputs`.
 */
export async function openRawOutput(path: string, inputs: ReadonlySet<string>): Promise<RawOutput> {
  const { openWritable } = await import("@qcow/backend-node");
  const kind = kindOf(path);
  const backend = await openWritable(path, {
    exclusive: kind === "none",
    atOnceBytes: COPY_BYTES_MAX,
  });
  if (backend.identity !== undefined && inputs.has(backend.identity)) {
    await backend.close();
    throw new CommandError(
      "CLI_OUTPUT_IS_INPUT",
      `${path} is the image itself, or one of the files it is made of`,
      {
        hint: "Choose another name for the output.",
      },
    );
  }
  return {
    backend,
    isDevice: kind === "device",
    abandon: async () => {
      await backend.close();
      if (kind !== "none") return `${printable(path)} is incomplete.`;
      unlinkSync(path);
      return `The incomplete ${printable(path)} was removed.`;
    },
  };
}

function kindOf(path: string): "none" | "file" | "device" {
  try {
    return statSync(path).isBlockDevice() ? "device" : "file";
  } catch {
    return "none";
  }
}
