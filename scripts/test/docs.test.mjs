// What a checklist must not be.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checklistFindings, entries } from "../docs.mjs";

const FILES = { "a.test.ts": 'test("holds", () => {});\ntest.skip("held", () => {});\n' };
const PROOF = "`a.test.ts`: holds";

/** What is found in a checklist in which everything is proven, but for what `changed` says. */
function findings(changed = {}, more = "") {
  const rows = entries.map((entry) => `| ${entry} | It holds. | ${changed[entry] ?? PROOF} |`);
  return checklistFindings(`# Checklist\n${rows.join("\n")}\n${more}`, (path) => FILES[path], ["types"]);
}

test("one in which everything is proven is fine", () => {
  assert.deepEqual(findings(), []);
  assert.deepEqual(findings({ "S-0.3-1": "`npm run check -- types`" }), []);
});

test("proofs that are not there are reported", () => {
  const missing = {
    "S-0.1-1": "`b.test.ts`: holds",
    "S-0.1-2": "`a.test.ts`: hold",
    "S-0.1-3": "`a.test.ts`: held",
    "S-0.1-4": "`npm run check -- nothing`",
    "S-0.2-1": "somebody has seen it",
    "S-0.2-2": `${PROOF}<br>\`a.test.ts\`: holds too`,
  };
  assert.deepEqual(findings(missing), [
    "S-0.1-1: there is no b.test.ts",
    'S-0.1-2: a.test.ts has no test "hold"',
    'S-0.1-3: a.test.ts has no test "held"',
    "S-0.1-4: there is no step nothing",
    "S-0.2-1: this is no proof: somebody has seen it",
    'S-0.2-2: a.test.ts has no test "holds too"',
  ]);
});

test("entries that are open, missing, unknown or there twice are reported", () => {
  assert.deepEqual(findings({ "S-0.3-1": "" }), ["S-0.3-1 is open"]);
  assert.equal(checklistFindings("", () => undefined, []).length, entries.length);
  assert.deepEqual(findings({}, `| S-0.3-2 | x | ${PROOF} |`), ["S-0.3-2 is no entry of the changelog"]);
  assert.deepEqual(findings({}, `| S-0.3-1 | x | ${PROOF} |`), ["S-0.3-1 is there twice"]);
});
