// The flag of the commands that read contents. Owns its definition.

import { string } from "@oclif/core/flags";
import type { OptionFlag } from "@oclif/core/interfaces";

export const SNAPSHOT: OptionFlag<string | undefined> = string({
  helpValue: "ID|NAME",
  description: "Read this internal snapshot instead of the current disk.",
});
