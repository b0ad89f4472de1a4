// The flags that every command takes. Owns their definitions; the base command acts on them.

import { boolean, custom } from "@oclif/core/flags";
import type { BooleanFlag, OptionFlag } from "@oclif/core/interfaces";
import { BACKING_POLICIES, type BackingPolicy } from "./backing-policy.js";
import { parseSize } from "./parse-size.js";
import { parseProgressDescriptor } from "./progress-descriptor.js";

/** The values of the common flags, as commands see them. */
export interface CommonFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly trace: boolean;
  readonly progress: boolean | undefined;
  readonly "progress-fd": number | undefined;
  readonly backing: BackingPolicy;
}

/** What oclif is told of the flags that every command has. */
export type CommonFlagDefinitions = {
  readonly json: BooleanFlag<boolean>;
  readonly quiet: BooleanFlag<boolean>;
  readonly debug: BooleanFlag<boolean>;
  readonly trace: BooleanFlag<boolean>;
  readonly progress: BooleanFlag<boolean | undefined>;
  readonly "progress-fd": OptionFlag<number | undefined>;
  readonly backing: OptionFlag<BackingPolicy>;
};

const GROUP = "GLOBAL";

/** A flag whose value is a size or an offset in bytes, with the suffixes of `parseSize`; it may have other names. */
export function sizeFlag(
  description: string,
  names: Pick<OptionFlag<number>, "aliases" | "char"> = {},
): OptionFlag<number | undefined> {
  const parse = async (input: string): Promise<number> => parseSize(input);
  return custom<number>({ description, ...names, helpValue: "SIZE", parse })();
}

export const COMMON_FLAGS: CommonFlagDefinitions = {
  json: boolean({ description: "Print one JSON document.", helpGroup: GROUP }),
  quiet: boolean({ char: "q", description: "Print nothing but data and errors.", helpGroup: GROUP }),
  debug: boolean({ description: "Print the full stack of an error.", helpGroup: GROUP }),
  trace: boolean({ description: "Print each access to the image's files on stderr.", helpGroup: GROUP }),
  progress: boolean({
    char: "p",
    allowNo: true,
    description: "Show a progress bar on stderr; by default when that is a terminal and the work takes long.",
    helpGroup: GROUP,
  }),
  "progress-fd": custom<number>({
    description: 'Write lines like { "progress": 42 } to this inherited file descriptor.',
    helpGroup: GROUP,
    helpValue: "N",
    parse: async (input) => parseProgressDescriptor(input),
  })(),
  backing: custom<BackingPolicy>({
    options: [...BACKING_POLICIES],
    default: "same-dir",
    description: "Which files named by the image may be opened: none, those in its own folder, or any.",
    helpGroup: GROUP,
    parse: async (input) => input as BackingPolicy,
  })(),
};
