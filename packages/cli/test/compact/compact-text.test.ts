import { expect, it } from "vitest";
import { compactDocument } from "../../src/compact/compact-document.js";
import { compactText } from "../../src/compact/compact-text.js";

const MIB = 1024 * 1024;
const REPORT = {
  dryRun: false,
  clusterSize: 65_536,
  sizeBefore: 10 * MIB,
  sizeAfter: 10 * MIB,
  leaksFixed: 0,
  clustersMoved: 0,
  bytesCopied: 0,
  referencesChanged: 0,
};

it.each([
  [5 * MIB, "The file is now 5 MiB smaller."],
  [5 * MIB + 1, "The file is now 4 MiB smaller."],
  [10 * MIB - 1, "The file is now 0 MiB smaller."],
  [10 * MIB, "I couldn't make the file any smaller. Consider running `discard`."],
  [11 * MIB, "I couldn't make the file any smaller. Consider running `discard`."],
])("a file of 10 MiB that has %i bytes now", (sizeAfter, text) => {
  expect(compactText(compactDocument({ ...REPORT, sizeAfter }, { filename: "x" }))).toBe(text);
});

it("a block device keeps its length, and what ends is the image", () => {
  const facts = { filename: "/dev/x", imageEnd: 3 * MIB };
  const document = compactDocument(REPORT, facts);
  expect(document).toMatchObject({ "size-after": 10 * MIB, "image-end-offset": 3 * MIB });
  expect(compactText(document)).toBe(
    "/dev/x is a block device, so its length stays. The image in it ends after 3 MiB (3145728 bytes).",
  );
  const estimate = compactDocument({ ...REPORT, dryRun: true, sizeAfter: 3 * MIB }, facts);
  expect(estimate).toMatchObject({ "size-after": 10 * MIB });
  expect(compactText(estimate)).toContain("would end after 3 MiB");
});
