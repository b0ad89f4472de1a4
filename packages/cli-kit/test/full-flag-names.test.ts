import { describe, expect, it } from "vitest";
import { type FlagSpelling, fullFlagNames } from "../src/full-flag-names.js";

const FLAGS: Readonly<Record<string, FlagSpelling>> = {
  size: { type: "option" },
  "strict-refcounts": { type: "boolean" },
  progress: { type: "boolean", allowNo: true, char: "p" },
  "progress-fd": { type: "option" },
  "backing-file": { type: "option", char: "b" },
  start: { type: "option", aliases: ["from-offset"] },
  format: { type: "option", hidden: true },
};

describe("a flag that is not written to the end", () => {
  it.each([
    [
      ["--strict", "x"],
      ["--strict-refcounts", "x"],
    ],
    [["--si=1G"], ["--size=1G"]],
    [
      ["--si", "--str"],
      ["--size", "--str"],
    ],
    [
      ["-b", "--str", "--str"],
      ["-b", "--str", "--strict-refcounts"],
    ],
    [["--no-pro"], ["--no-progress"]],
    [
      ["--progress-f", "3"],
      ["--progress-fd", "3"],
    ],
    [
      ["--from", "0"],
      ["--from-offset", "0"],
    ],
  ])("%j is %j", (argv, full) => {
    expect(fullFlagNames(argv, FLAGS)).toEqual(full);
  });

  it.each([
    ["one that is, though longer ones begin with it", ["--progress"]],
    ["what comes after --", ["--", "--si"]],
    ["what begins no flag, for the parser to refuse", ["--nope"]],
    ["a hidden one", ["--form", "qcow2"]],
    ["words and short flags", ["-p", "si"]],
  ])("leaves %s", (_, argv) => {
    expect(fullFlagNames(argv, FLAGS)).toEqual(argv);
  });

  it("may not be one of several", () => {
    expect(() => fullFlagNames(["--s"], FLAGS)).toThrowError(
      expect.objectContaining({
        code: "CLI_USAGE",
        message: "--s may be any of --size, --strict-refcounts, --start",
      }),
    );
  });
});
