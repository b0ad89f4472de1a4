import { defaultImageConfig, formatImageConfig, parseImageConfig } from "@qcow/engine";
import { expect, test } from "vitest";

test("S-0.6.0-2 S-0.9.1-1: the text of a configuration parses back to it", () => {
  const config = {
    id: "disk",
    discard: true,
    keepErasedBytes: 2048 * 512,
    compactAfterBytes: 8192 * 512,
    checkOnConnect: false,
    runtimeAsserts: true,
    readOnly: true,
  };
  const text = formatImageConfig(config);
  expect(text).toBe(
    "id=disk;discard=true;keep_erased=2048;compact_after_unmaps=8192;check_on_connect=false;runtime_asserts=true;read_only=true",
  );
  expect(parseImageConfig(text)).toEqual(config);
});

test("the form without a separator that qcow-tool prints is understood", () => {
  const printed =
    "id=x;discard=true;keep_erased=2048compact_after_unmaps=16;check_on_connect=true;runtime_asserts=false;read_only=false";
  expect(parseImageConfig(printed)).toMatchObject({
    keepErasedBytes: 2048 * 512,
    compactAfterBytes: 16 * 512,
  });
});

test("what is not said has its default; keys may have any case, and words without = say nothing", () => {
  const config = parseImageConfig("DISCARD=true;;nothing;Keep_Erased=1");
  expect(config).toMatchObject({
    discard: true,
    keepErasedBytes: 512,
    compactAfterBytes: 0,
    checkOnConnect: true,
  });
  expect(config.id).toMatch(/^unknown_\d+$/u);
  expect(defaultImageConfig().id).not.toBe(config.id);
});

test.each([
  ["nonsense=1", "unknown key nonsense"],
  ["compact_ms=1000", "unknown key compact_ms"],
  ["discard=yes", "neither true nor false"],
  ["keep_erased=-1", "no number of sectors"],
  ["keep_erased=1e9999", "no number of sectors"],
  ["compact_after_unmaps=99999999999999999", "no number of sectors"],
])("%s is refused", (text, problem) => {
  expect(() => parseImageConfig(text)).toThrow(problem);
});
