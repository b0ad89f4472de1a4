import type { CheckReport } from "@qcow/engine";
import { expect, it } from "vitest";
import { checkDocument } from "../../src/check/check-document.js";
import { checkText } from "../../src/check/check-text.js";

const CLEAN: CheckReport = {
  totalClusters: 64,
  allocatedClusters: 3,
  fragmentedClusters: 2,
  compressedClusters: 1,
  imageEndOffset: 458752,
  leaks: 0,
  corruptions: 0,
  checkErrors: 0,
  findings: [],
  findingsOmitted: 0,
  attempts: 1,
  fileChanging: false,
  usedHostClusters: 7,
  freeHostClusters: 1,
};

it("a clean image has qemu-img's words and qcow-tool's counts", () => {
  expect(checkText(CLEAN)).toBe(
    `No errors were found on the image.
Total free blocks: 1
Total used blocks: 7
3/64 = 4.69% allocated, 66.67% fragmented, 33.33% compressed clusters
Image end offset: 458752`,
  );
});

it("corruptions, leaks and unchecked parts are told apart", () => {
  const text = checkText({ ...CLEAN, corruptions: 2, leaks: 3, checkErrors: 1, allocatedClusters: 0 });
  expect(text).toContain("2 errors were found on the image.");
  expect(text).toContain("3 leaked clusters were found on the image.");
  expect(text).toContain("1 parts of the image could not be checked.");
  expect(text).not.toContain("allocated");
});

it("the document leaves out what is zero, as qemu-img does, except check-errors", () => {
  expect(checkDocument({ ...CLEAN, compressedClusters: 0, leaks: 3 }, "t.qcow2")).toEqual({
    filename: "t.qcow2",
    format: "qcow2",
    "check-errors": 0,
    "image-end-offset": 458752,
    "total-clusters": 64,
    "allocated-clusters": 3,
    "fragmented-clusters": 2,
    leaks: 3,
  });
});
