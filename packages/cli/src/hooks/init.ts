// Before anything else, on the whole way: help and completion learn of the flags that plugins add. What a plugin fails
// with here, the command says.

import type { Hook } from "@oclif/core/interfaces";
import { describeExtensions } from "@qcow/cli-kit";

const init: Hook.Init = async ({ config }) => {
  await describeExtensions(config);
};

export default init;
