// Which licence expressions suit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { suits } from "../licences.mjs";

const allowed = new Set(["MIT", "ISC"]);

test("a licence suits only when it is allowed", () => {
  assert.equal(suits("MIT", allowed), true);
  assert.equal(suits("GPL-3.0-only", allowed), false);
  assert.equal(suits("Unknown", allowed), false);
});

test("one allowed choice is enough, every joined licence must be allowed", () => {
  assert.equal(suits("(GPL-2.0 OR MIT)", allowed), true);
  assert.equal(suits("MIT AND GPL-2.0", allowed), false);
  assert.equal(suits("(MIT AND ISC)", allowed), true);
});
