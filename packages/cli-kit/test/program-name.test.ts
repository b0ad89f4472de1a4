import { expect, it } from "vitest";
import { isQcowTool } from "../src/program-name.js";

it.each([
  ["/usr/bin/qcow-tool", true],
  ["/usr/lib/node_modules/qcow/bin/qcow-tool.js", true],
  ["/usr/bin/qcow", false],
  ["/usr/lib/node_modules/qcow/bin/run.js", false],
  ["/qcow-tool/run.js", false],
])("%s is qcow-tool: %s", (program, is) => {
  expect(isQcowTool(program)).toBe(is);
});

it("a program that is run from no file is not", () => {
  expect(isQcowTool("")).toBe(false);
});
