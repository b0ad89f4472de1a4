#!/usr/bin/env node
// Owns the long run of fuzzed NBD sessions: passes a seed and a number of sessions to the test that has them.
//
//   node scripts/nbd-fuzz.mjs [--seed 1] [--sessions 100000]
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, runNode, toolEnvironment } from "./workspace.mjs";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, sessions: { type: "string", default: "100000" } },
});
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const config = join(root, "vitest.shared.ts");
const env = toolEnvironment({ QCOW_NBD_FUZZ_SEED: values.seed, QCOW_NBD_FUZZ_SESSIONS: values.sessions });
const args = ["run", "-c", config, "test/fuzz", "--reporter=verbose"];
const { code } = await runNode(vitest, args, { cwd: join(root, "packages", "nbd"), env });
process.exitCode = code;
