// The hooks that qcow adds to oclif's own, by which plugins extend it. Owns their names; what each is given is described
// where that is acted on.

import type { Hooks } from "@oclif/core/interfaces";
import type { BackendHookOptions } from "./backend-registry.js";
import type { ExtensionHookOptions } from "./command-extension.js";

/** The hooks that qcow adds to oclif's own. */
export interface QcowHooks extends Hooks {
  "qcow:backends": { options: BackendHookOptions & Record<string, unknown>; return: void };
  "qcow:extensions": { options: ExtensionHookOptions & Record<string, unknown>; return: void };
}
