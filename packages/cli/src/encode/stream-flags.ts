// What `qcow encode` says of images that are made as a stream, and which of the other flags do not go with that.

import { tmpdir } from "node:os";
import { boolean, string } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";
import { CommandError, hostCompression, openSpillFile, sizeFlag } from "@qcow/cli-kit";
import type { EncodeStreamOptions } from "@qcow/engine";
import { imageOptions } from "../create/image-flags.js";
import type { NewImageFlags } from "../create/new-image-flags.js";

type Definitions = {
  readonly layout: OptionFlag<string | undefined>;
  readonly "one-pass": BooleanFlag<boolean>;
  readonly memory: OptionFlag<number | undefined>;
};

export interface StreamFlags extends NewImageFlags {
  readonly layout?: string | undefined;
  readonly "one-pass": boolean;
  readonly memory?: number | undefined;
  readonly size?: number | undefined;
  readonly compress: boolean;
}

export const STREAM_FLAGS: Definitions = {
  layout: string({
    options: ["guest-order"],
    description: "Lay OUT out as to a pipe: tables first, then clusters in the order of the disk.",
  }),
  "one-pass": boolean({
    description: "To a pipe: read RAW once, and store what is no hole in it, zeros too.",
  }),
  memory: sizeFlag("Memory for what waits until the tables can be made; 64M by default."),
};

/** @throws CommandError `CLI_USAGE` for flags that an image made as a stream cannot have. */
export function requireStreamable(flags: StreamFlags): void {
  const refused = (what: string): never => {
    throw new CommandError("CLI_USAGE", `an image that is made as a stream cannot have ${what}`);
  };
  if (flags["backing-file"] !== undefined) refused("a backing file");
  if (flags["data-file"] !== undefined) refused("a data file");
  if (flags.preallocation === "metadata" || flags.preallocation === "falloc")
    refused(`--preallocation ${flags.preallocation}`);
  if (flags["one-pass"] && flags.compress)
    throw new CommandError(
      "CLI_USAGE",
      "--one-pass does not go with --compress, which reads RAW once anyway",
    );
}

/** What the flags mean; what waits is spilled to `folder`. */
export async function streamOptions(flags: StreamFlags, folder = tmpdir()): Promise<EncodeStreamOptions> {
  const { preallocation: _, ...image } = imageOptions(flags);
  const leaveOut = flags.preallocation === "full" ? "nothing" : flags["one-pass"] ? "holes" : "zeros";
  return {
    ...image,
    size: flags.size,
    compress: flags.compress,
    compression: flags.compress ? await hostCompression() : undefined,
    leaveOut,
    memoryBytes: flags.memory,
    openSpill: () => openSpillFile(folder),
  };
}
