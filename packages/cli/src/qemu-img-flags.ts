// Options that scripts for qemu-img say and that change nothing here. Owns their definition; help does not show them.

import { boolean, string } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";

/** `-f qcow2`. Another format is an error, never guessed around. */
export const FORMAT: OptionFlag<string | undefined> = string({
  char: "f",
  options: ["qcow2"],
  hidden: true,
  description: "The format of the image: always qcow2.",
});

/** For commands that only read. Reading takes no lock that a writer would notice, so there is nothing to force. */
export const QEMU_READ_FLAGS: {
  readonly format: typeof FORMAT;
  readonly "force-share": BooleanFlag<boolean>;
} = {
  format: FORMAT,
  "force-share": boolean({
    char: "U",
    hidden: true,
    description: "Read also while others write: always so.",
  }),
};
