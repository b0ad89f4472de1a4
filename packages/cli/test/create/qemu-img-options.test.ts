import { expect, it } from "vitest";
import { withoutQemuImgOptions } from "../../src/create/qemu-img-options.js";

it.each([
  ["cluster_size=4k,compat=v2", ["--cluster-size=4k", "--compat=0.10"]],
  ["compat=1.1", ["--compat=1.1"]],
  ["lazy_refcounts=off,extended_l2=on", ["--strict-refcounts", "--extended-l2"]],
  ["lazy_refcounts=yes,extended_l2=no", []],
  ["backing_file=a,,b=c,backing_fmt=raw", ["--backing-file=a,b=c", "--backing-format=raw"]],
  ["data_file=d.raw,data_file_raw=true,size=1G", ["--data-file=d.raw", "--data-file-raw", "--size=1G"]],
])("-o %s is %j", (list, words) => {
  expect(withoutQemuImgOptions(["out", "-o", list, "1G"])).toEqual(["out", ...words, "1G"]);
});

it.each(["nocow=on", "extended_l2=perhaps", "compat", "toString=1"])(
  "-o %s stays, for the parser to refuse",
  (option) => {
    expect(withoutQemuImgOptions(["-o", option])).toEqual(["-o", option]);
  },
);

it("what stands behind -- is no option, nor is -o at the end", () => {
  expect(withoutQemuImgOptions(["--", "-o", "size=1"])).toEqual(["--", "-o", "size=1"]);
  expect(withoutQemuImgOptions(["-o"])).toEqual(["-o"]);
});
