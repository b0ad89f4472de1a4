import { expect, it } from "vitest";
import * as api from "../src/index.js";

it("exports these names and no others", () => {
  expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
    [
      "BACKING_POLICIES",
      "COMMON_FLAGS",
      "CommandError",
      "ExitCode",
      "OutputClosedError",
      "QcowCommand",
      "errorDocument",
      "errorLines",
      "errorTrace",
      "hasBackendScheme",
      "hasOutputBegun",
      "humanSize",
      "interruptible",
      "isCommandError",
      "isOutputClosed",
      "jsonText",
      "openBackend",
      "openImage",
      "openRawOutput",
      "openSource",
      "openerFor",
      "parseAddress",
      "parseProgressDescriptor",
      "parseReferencedName",
      "parseSize",
      "percentOf",
      "printFailure",
      "referenceOpener",
      "referencedPath",
      "registerBackendScheme",
      "reportError",
      "sizeFlag",
      "startProgress",
      "takeOverOutputErrors",
      "traced",
      "watchInterrupts",
      "writeOutput",
    ]
  `);
});
