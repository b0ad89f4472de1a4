// Which texts the tree must not hold. The samples are spelt in halves, so that the check does not report this file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { textFindings } from "../tree.mjs";

test("a registry's host is reported in any file", () => {
  assert.match(textFindings("a.md", `https://registry${".npmjs.org"}/x`).join(), /registry/);
});

test("an address in the lockfile is reported", () => {
  assert.match(textFindings("pnpm-lock.yaml", "tarball: https://example.org/a.tgz").join(), /address/);
  assert.deepEqual(textFindings("README.md", "see https://example.org/"), []);
});

test("a path of one machine is reported, a path inside a package is not", () => {
  assert.match(textFindings("a.ts", `const a = "/work${"/main/x"}";`).join(), /one machine/);
  assert.deepEqual(textFindings("a.ts", 'import "./work/tables/x.js";'), []);
});

test("a source file over the limit is reported", () => {
  assert.match(textFindings("packages/a/src/b.ts", "\n".repeat(351)).join(), /351 lines/);
  assert.deepEqual(textFindings("packages/a/src/b.ts", "\n".repeat(350)), []);
});
