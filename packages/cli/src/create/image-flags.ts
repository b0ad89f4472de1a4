// The flags that say what a new image is like, shared by the commands that make one, and what they mean to the engine.

import { boolean, integer, string } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";
import { sizeFlag } from "@qcow/cli-kit";
import type { CreateOptions, Preallocation } from "@qcow/engine";

type Definitions = {
  readonly "cluster-size": OptionFlag<number | undefined>;
  readonly compat: OptionFlag<string | undefined>;
  readonly "strict-refcounts": BooleanFlag<boolean>;
  readonly "refcount-bits": OptionFlag<number | undefined>;
  readonly "extended-l2": BooleanFlag<boolean>;
  readonly "compression-type": OptionFlag<string | undefined>;
  readonly preallocation: OptionFlag<string | undefined>;
};

/** The values of `IMAGE_FLAGS`. */
export interface ImageFlags {
  readonly "cluster-size": number | undefined;
  readonly compat: string | undefined;
  readonly "strict-refcounts": boolean;
  readonly "refcount-bits": number | undefined;
  readonly "extended-l2": boolean;
  readonly "compression-type": string | undefined;
  readonly preallocation: string | undefined;
}

export const IMAGE_FLAGS: Definitions = {
  "cluster-size": sizeFlag("Bytes of a cluster, a power of 2 from 512 to 2M; 64K by default."),
  compat: string({
    options: ["0.10", "1.1"],
    description: "The version of the format: 0.10 is 2, for old programs; 1.1 is 3, the default.",
  }),
  "strict-refcounts": boolean({
    description: "Let no writer postpone refcounts until the image is closed.",
  }),
  "refcount-bits": integer({
    helpValue: "N",
    description: "Width of a refcount, a power of 2 from 1 to 64; 16 by default.",
  }),
  "extended-l2": boolean({
    description: "Divide each cluster into 32 subclusters; for clusters of 16K and more.",
  }),
  "compression-type": string({
    options: ["zlib", "zstd"],
    description: "How clusters that are compressed will be; zlib by default.",
  }),
  preallocation: string({
    options: ["off", "metadata", "falloc", "full"],
    description:
      "Give all of the disk its place at once: only mapped, with space reserved, or filled with zeros.",
  }),
};

/** What the flags say; what they leave open is left to the engine's defaults. */
export function imageOptions(flags: ImageFlags): Omit<CreateOptions, "size"> {
  const { compat } = flags;
  return {
    clusterSize: flags["cluster-size"],
    version: compat === undefined ? undefined : compat === "0.10" ? 2 : 3,
    refcountBits: flags["refcount-bits"],
    extendedL2: flags["extended-l2"],
    lazyRefcounts: flags["strict-refcounts"] ? false : undefined,
    compressionMethod: flags["compression-type"] === "zstd" ? "zstd" : "deflate",
    preallocation: flags.preallocation as Preallocation | undefined,
  };
}
