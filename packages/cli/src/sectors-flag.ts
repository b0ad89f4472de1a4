// A flag whose value is a number of sectors, or which sector. Owns its definition.

import { custom } from "@oclif/core/flags";
import type { OptionFlag } from "@oclif/core/interfaces";
import { parseCount } from "@qcow/cli-kit";

export function sectorsFlag(helpValue: string, description: string): OptionFlag<number | undefined> {
  return custom<number>({ helpValue, description, parse: async (input) => parseCount(input) })();
}
