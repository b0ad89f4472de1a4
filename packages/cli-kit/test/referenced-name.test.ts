import { describe, expect, it } from "vitest";
import { parseReferencedName } from "../src/referenced-name.js";

describe("parseReferencedName", () => {
  it.each([
    ["base.qcow2", "base.qcow2", undefined],
    ["../base.raw", "../base.raw", undefined],
    ["/images/base.raw", "/images/base.raw", undefined],
    ["file:base.raw", "base.raw", undefined],
    ["C:\\base.raw", "C:\\base.raw", undefined],
    ['json:{"driver":"qcow2","file":{"driver":"file","filename":"b"}}', "b", "qcow2"],
    ['json:{"file":{"filename":"b"},"driver":"raw"}', "b", "raw"],
    ['json:{"file.filename":"b","driver":"raw"}', "b", "raw"],
    ['json:{"file.filename":"b","file.driver":"file"}', "b", undefined],
    ['json:{"driver":"file","filename":"b"}', "b", "raw"],
  ])("reads %s", (name, path, format) => {
    expect(parseReferencedName(name)).toEqual({ path, format });
  });

  it.each([
    "",
    "a\0b",
    "nbd:localhost:10809",
    "http://host/base",
    "fat:/etc",
    "file:nbd:x",
    "//server/share",
    "x".repeat(5000),
    "json:",
    "json:[]",
    "json:{",
    "json:{}",
    'json:{"driver":"nbd","host":"h"}',
    'json:{"driver":"vmdk","file.filename":"b"}',
    'json:{"file":{"driver":"nbd","filename":"b"}}',
    'json:{"file.driver":"http","file.filename":"b"}',
    'json:{"file":{"driver":"file","filename":"nbd:b"}}',
    'json:{"driver":"qcow2","file":{"driver":"file","filename":"b"},"backing":{"driver":"raw"}}',
    'json:{"driver":"qcow2","file":{"driver":"raw","file":{"filename":"b"}}}',
    'json:{"driver":"file","filename":7}',
    'json:{"driver":"qcow2","filename":"b"}',
    'json:{"driver":"file","filename":"a\\u0000b"}',
    `json:${"[".repeat(4000)}`,
    "caf\ufffd.raw",
    'json:{"driver":"file","filename":"a\\ud800"}',
  ])("refuses %j", (name) => {
    expect(() => parseReferencedName(name)).toThrowError(
      expect.objectContaining({ code: "CLI_REFERENCE_REFUSED" }),
    );
  });
});
