import { expect, it } from "vitest";
import { ImageIds } from "../src/image-ids.js";

it.each([
  ["disk.qcow2", "disk.qcow2"],
  ["/srv/images/disk.qcow2", "disk.qcow2"],
  ["file:///srv/disk.qcow2", "disk.qcow2"],
  ["https://user:secret@images.example/a/disk.qcow2?token=secret#secret", "disk.qcow2"],
  ["https://user:secret@images.example/?token=secret", "image"],
  ["https://user:secret@images.example", "image"],
  ["split://disk.qcow2", "disk.qcow2"],
  ["split:///srv/disk.qcow2", "disk.qcow2"],
  ["s3://key:secret@bucket?token=secret", "bucket"],
  ["", "image"],
])("the image at %s is called %s", (address, id) => {
  expect(new ImageIds().of(address)).toBe(id);
});

it("the same address has the same id, and no other address has it", () => {
  const ids = new ImageIds();
  const all = ["a/disk", "b/disk", "a/disk", "c/disk"].map((address) => ids.of(address));
  expect(all).toEqual(["disk", "disk-2", "disk", "disk-3"]);
});

it("an image that has a name is called so", () => {
  const ids = new ImageIds();
  expect([ids.of("a", "vm"), ids.of("b", "vm"), ids.of("a", "other")]).toEqual(["vm", "vm-2", "vm"]);
});
