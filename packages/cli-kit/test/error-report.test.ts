import { BackendError } from "@qcow/block";
import { EngineError } from "@qcow/engine";
import { FormatError } from "@qcow/format";
import { describe, expect, it } from "vitest";
import { CommandError } from "../src/command-error.js";
import { errorDocument, errorLines, errorTrace, reportError } from "../src/error-report.js";

const oclifError = (message: string, more: object = {}) =>
  Object.assign(new Error(message), { oclif: { exit: 2 } }, more);

describe("exit codes", () => {
  it.each([
    ["a failing backend", new BackendError("BACKEND_IO", "no"), 1],
    ["a bad image", new FormatError("QCOW2_BAD_MAGIC", "no", { structure: "header" }), 1],
    ["an unsupported image", new EngineError("QCOW2_ENCRYPTED", "no"), 1],
    ["a refused reference", new CommandError("CLI_REFERENCE_REFUSED", "no"), 1],
    ["a wrong command line", new CommandError("CLI_USAGE", "no"), 64],
    ["an error of oclif's parser", oclifError("Nonexistent flag: --x", { parse: {} }), 64],
    ["an error of a plugin", oclifError("no network"), 1],
    ["an error that nobody expected", new TypeError("x is not a function"), 70],
    ["something that is no error", "text", 70],
  ])("%s", (_what, error, exitCode) => {
    expect(reportError(error).exitCode).toBe(exitCode);
  });

  it("an aborted signal makes its reason, and abort errors wherever they are wrapped, an interruption", () => {
    const controller = new AbortController();
    controller.abort();
    const wrapped = new EngineError("QCOW2_CLOSED", "stopped", { cause: controller.signal.reason });
    for (const error of [controller.signal.reason, wrapped]) {
      expect(reportError(error, controller.signal)).toMatchObject({ code: "CLI_INTERRUPTED", exitCode: 130 });
    }
    expect(reportError(new BackendError("BACKEND_IO", "no"), controller.signal).exitCode).toBe(1);
  });

  it("an interrupted command may say what it leaves behind", () => {
    const controller = new AbortController();
    controller.abort();
    const error = new CommandError("CLI_INTERRUPTED", "interrupted", {
      hint: "Half of it is done.",
      cause: controller.signal.reason,
    });
    expect(reportError(error, controller.signal)).toMatchObject({
      message: "interrupted",
      hint: "Half of it is done.",
      exitCode: 130,
    });
  });
});

describe("what the user reads", () => {
  it("is one line with the code, then the hint", () => {
    const report = reportError(
      new CommandError("CLI_REFERENCE_REFUSED", "not opened", { hint: "Use --backing any." }),
    );
    expect(errorLines("qcow", report)).toEqual([
      "qcow: not opened (CLI_REFERENCE_REFUSED)",
      "Use --backing any.",
    ]);
  });

  it("keeps the hint of the error below", () => {
    const cause = new CommandError("CLI_REFERENCE_REFUSED", "not opened", { hint: "Use --backing any." });
    expect(reportError(new EngineError("QCOW2_CLOSED", "no", { cause })).hint).toBe("Use --backing any.");
  });

  it("has no line breaks and no control characters, whatever the message holds", () => {
    const [line] = errorLines("qcow", reportError(new CommandError("CLI_FILTER", "a\n b\u001b[2Jc\u009b")));
    expect(line).toBe("qcow: a b\\x1b[2Jc\\x9b (CLI_FILTER)");
  });

  it("names the argument that oclif misses", () => {
    const error = oclifError("Missing 1 required arg:\nimage  A long text\n  of two lines", {
      parse: {},
      args: [{ name: "image" }],
    });
    expect(reportError(error).message).toBe("missing argument: IMAGE");
  });

  it("asks for a report when it is a bug", () => {
    expect(reportError(new TypeError("boom"))).toMatchObject({
      code: "CLI_BUG",
      message: "internal error: TypeError: boom",
      hint: expect.stringContaining("--debug"),
    });
  });
});

it("the document says where in the image it is", () => {
  const error = new FormatError("QCOW2_INVALID_FIELD", "bad", {
    structure: "header",
    field: "size",
    offset: 24,
  });
  expect(errorDocument(reportError(error))).toEqual({
    error: {
      code: "QCOW2_INVALID_FIELD",
      message: "header: bad",
      exitCode: 1,
      structure: "header",
      field: "size",
      offset: 24,
    },
  });
});

it("the trace has the stacks of all causes", () => {
  const trace = errorTrace(new Error("outer", { cause: new Error("inner") }));
  expect(trace).toMatch(/Error: outer\n[\s\S]+caused by: Error: inner/);
});
