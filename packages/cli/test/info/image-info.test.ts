import { expect, it } from "vitest";
import { combinedName } from "../../src/info/image-info.js";

it.each([
  ["top.qcow2", "base.raw", "base.raw"],
  ["dir/top.qcow2", "base.raw", "dir/base.raw"],
  ["/a/top.qcow2", "../b/base.raw", "/a/../b/base.raw"],
  ["top.qcow2", "./base.raw", "./base.raw"],
  ["./top.qcow2", "base.raw", "./base.raw"],
  ["dir/top.qcow2", "../in/base.raw", "dir/../in/base.raw"],
  ["dir/top.qcow2", "sub/../base.raw", "dir/sub/../base.raw"],
  ["dir//top.qcow2", ".//base.raw", "dir//.//base.raw"],
  ["dir/top.qcow2", "a/b:c", "dir/a/b:c"],
  ["dir/top.qcow2", "/a/base.raw", "/a/base.raw"],
  ["dir/top.qcow2", "nbd:host:1", "nbd:host:1"],
  ["dir/top.qcow2", 'json:{"driver":"raw"}', 'json:{"driver":"raw"}'],
])("the backing file that %s names as %s is %s for the user", (image, name, combined) => {
  expect(combinedName(image, name)).toBe(combined);
});
