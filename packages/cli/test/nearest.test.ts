import { expect, it } from "vitest";
import { nearest } from "../src/nearest.js";

it.each([
  ["inof", "info"],
  ["chek", "check"],
  ["maped", "mapped"],
  ["decoed", "decode"],
])("%s is most like %s", (word, command) => {
  expect(nearest(word, ["check", "decode", "info", "map", "mapped", "read", "sha"])).toBe(command);
});

it.each(["", "nosuch", "__proto__", "xyz"])("nothing is like %j", (word) => {
  expect(nearest(word, ["check", "decode", "info", "map", "mapped", "read", "sha"])).toBeUndefined();
});

it("has no answer without candidates", () => {
  expect(nearest("x", [])).toBeUndefined();
});
