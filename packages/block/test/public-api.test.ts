import * as block from "@qcow/block";
import * as testing from "@qcow/block/testing";
import { expect, it } from "vitest";

it("exports these names, and adding or removing one is a decision", () => {
  expect(Object.keys(block).sort()).toMatchInlineSnapshot(`
    [
      "BackendError",
      "ForwardingBackend",
      "ForwardingReader",
      "afterTurn",
      "checkRange",
      "findZstdFrame",
      "isBackendError",
      "isWritable",
      "longBuffer",
      "newCounters",
      "readOnly",
      "withCounting",
      "withPadding",
      "withTracing",
      "yieldToHost",
    ]
  `);
  expect(Object.keys(testing).sort()).toMatchInlineSnapshot(`
    [
      "runBlockBackendSuite",
      "runCompressionBackendSuite",
      "runReadableBackendSuite",
      "runTimeBackendSuite",
    ]
  `);
});
