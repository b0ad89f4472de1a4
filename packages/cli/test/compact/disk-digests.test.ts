import { CommandError } from "@qcow/cli-kit";
import { describe, expect, it } from "vitest";
import { type DiskDigest, requireSameDisks } from "../../src/compact/disk-digests.js";

const disk = (digest: string, more: Partial<DiskDigest> = {}): DiskDigest => ({
  algorithm: "sha1",
  digest,
  "virtual-size": 512,
  ...more,
});
const snapshot = { id: "1", name: "early\u001b" };

function problem(before: DiskDigest[], after: DiskDigest[]): CommandError | undefined {
  try {
    requireSameDisks("disk.qcow2", before, after);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CommandError);
    return error as CommandError;
  }
}

describe("disks that read the same", () => {
  it("pass", () => {
    const both = [disk("aa"), disk("bb", { snapshot })];
    expect(problem(both, structuredClone(both))).toBeUndefined();
  });

  it.each([
    ["another disk", [disk("aa")], [disk("ab")], "the disk had the sha1 aa"],
    ["another length", [disk("aa")], [disk("aa", { "virtual-size": 1024 })], "the disk"],
    [
      "another snapshot",
      [disk("aa"), disk("bb", { snapshot })],
      [disk("aa"), disk("bc", { snapshot })],
      "snapshot 1 (early\\x1b) had the sha1 bb",
    ],
    ["a snapshot that is gone", [disk("aa"), disk("bb", { snapshot })], [disk("aa")], "snapshot 1"],
    ["a snapshot too many", [disk("aa")], [disk("aa"), disk("bb", { snapshot })], "other snapshots"],
  ])("%s is an error that says not to use the image", (_what, before, after, text) => {
    const error = problem(before, after);
    expect(error).toMatchObject({ code: "CLI_VERIFY_FAILED" });
    expect(error?.message).toContain(text);
    expect(error?.message).toContain("must not be used");
  });
});
