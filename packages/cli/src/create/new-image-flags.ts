// The flags for the files that a new image leans on or keeps its data in, with those for what it is like. Owns their
// definition; making-command.ts acts on them.

import { boolean, string } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";
import { IMAGE_FLAGS, type ImageFlags } from "./image-flags.js";
import { QEMU_IMG_OPTIONS } from "./qemu-img-options.js";

type Definitions = typeof IMAGE_FLAGS & {
  readonly "backing-file": OptionFlag<string | undefined>;
  readonly "backing-format": OptionFlag<string | undefined>;
  readonly "data-file": OptionFlag<string | undefined>;
  readonly "data-file-raw": BooleanFlag<boolean>;
  readonly option: OptionFlag<string | undefined>;
};

/** The values of `NEW_IMAGE_FLAGS`. */
export interface NewImageFlags extends ImageFlags {
  readonly "backing-file"?: string | undefined;
  readonly "backing-format"?: string | undefined;
  readonly "data-file"?: string | undefined;
  readonly "data-file-raw"?: boolean | undefined;
}

export const NEW_IMAGE_FLAGS: Definitions = {
  ...IMAGE_FLAGS,
  "backing-file": string({
    char: "b",
    helpValue: "FILE",
    description: "What the disk reads as where nothing was written.",
  }),
  "backing-format": string({
    char: "F",
    options: ["qcow2", "raw"],
    dependsOn: ["backing-file"],
    description: "Format of the backing file; must be said, since guessing it is unsafe.",
  }),
  "data-file": string({ helpValue: "FILE", description: "Keep the guest's data in a file of its own." }),
  "data-file-raw": boolean({
    dependsOn: ["data-file"],
    description: "Make the data file a valid raw image by itself.",
  }),
  option: QEMU_IMG_OPTIONS,
};
