import { ExtentFlag } from "@qcow/engine";
import { expect, it } from "vitest";
import { mapRows } from "../../src/map/map-text.js";

it("names the file that holds the bytes, which may be the layer's data file", () => {
  const batch = {
    count: 2,
    start: Float64Array.of(0, 0x1000),
    length: Float64Array.of(0x1000, 0x1000),
    depth: Uint16Array.of(0, 1),
    flags: Uint8Array.of(stored, stored),
    offset: Float64Array.of(0, 0x5000),
  };
  const layers = [
    { label: "top.qcow2", dataLabel: "top.data", format: "qcow2" as const, virtualSize: 0x2000 },
    { label: "base.qcow2", dataLabel: "base.qcow2", format: "qcow2" as const, virtualSize: 0x2000 },
  ];
  expect(mapRows(batch, layers)).toEqual([
    "0               0x1000          0               top.data",
    "0x1000          0x1000          0x5000          base.qcow2",
  ]);
});

const stored = ExtentFlag.present | ExtentFlag.data | ExtentFlag.hasOffset;
