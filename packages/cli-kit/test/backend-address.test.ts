import { describe, expect, it } from "vitest";
import { parseAddress } from "../src/backend-address.js";

describe("parseAddress", () => {
  it.each([
    ["disk.qcow2", "disk.qcow2"],
    ["./a/b.qcow2", "./a/b.qcow2"],
    ["C:\\images\\disk.qcow2", "C:\\images\\disk.qcow2"],
    ["backup:monday.qcow2", "backup:monday.qcow2"],
    ["file:disk.qcow2", "disk.qcow2"],
    ["file:///images/a%20b.qcow2", "/images/a b.qcow2"],
    ["FILE:///images/disk.qcow2", "/images/disk.qcow2"],
  ])("takes %s for a path", (address, location) => {
    expect(parseAddress(address)).toEqual({ scheme: "file", location });
  });

  it("keeps the whole URL of another scheme, and its scheme in lower case", () => {
    const address = "HTTPS://host/disk.qcow2";
    expect(parseAddress(address)).toEqual({ scheme: "https", location: address });
  });

  it.each(["", "a\0b", "file://elsewhere/disk.qcow2"])("refuses %j", (address) => {
    expect(() => parseAddress(address)).toThrowError(expect.objectContaining({ code: "CLI_USAGE" }));
  });
});
