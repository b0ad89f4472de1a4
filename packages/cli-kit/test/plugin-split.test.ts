// The example plugin must be as good as the guide says: the conformance suite judges it here too.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the example plugin passes its own tests", () => {
  const cwd = fileURLToPath(new URL("../examples/plugin-split/", import.meta.url));
  const out = execFileSync(
    process.execPath,
    ["--test", "--test-reporter=tap", "test/split-backend.test.js"],
    {
      cwd,
      encoding: "utf8",
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  expect(out).toMatch(/^# fail 0$/m);
  expect(Number(/^# pass ([0-9]+)$/m.exec(out)?.[1])).toBeGreaterThan(10);
});
