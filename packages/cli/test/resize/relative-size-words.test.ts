import { expect, it } from "vitest";
import { relativeSizeWords } from "../../src/resize/relative-size-words.js";

it.each([
  [
    ["a", "-1G"],
    ["a", "--size=-1G"],
  ],
  [
    ["a", "--size", "-1G", "--shrink"],
    ["a", "--size", "-1G", "--shrink"],
  ],
  [
    ["-q", "--shrink", "-512", "a"],
    ["-q", "--shrink", "--size=-512", "a"],
  ],
  [
    ["--", "-1", "-2G"],
    ["--", "-1", "-2G"],
  ],
])("%j becomes %j", (argv, words) => {
  expect(relativeSizeWords(argv)).toEqual(words);
});
