// The argument that every command begins with. Owns its definition.

import { string } from "@oclif/core/args";
import type { Arg } from "@oclif/core/interfaces";

export const IMAGE: Arg<string> = string({
  required: true,
  description: "A qcow2 image: a path, a file: URL, or a URL of a scheme that a plugin adds.",
});

/** For commands that only read. */
export const READ_IMAGE: Arg<string> = string({
  required: true,
  description:
    "A qcow2 image: a path, a file:, http: or https: URL, or a URL of a scheme that a plugin adds.",
});
