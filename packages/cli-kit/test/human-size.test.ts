import { expect, it } from "vitest";
import { humanSize } from "../src/human-size.js";

it.each([
  [0, "0 B"],
  [817, "817 B"],
  [1000, "0.977 KiB"],
  [1024, "1 KiB"],
  [200704, "196 KiB"],
  [716800, "700 KiB"],
  [1048265, "1 MiB"],
  [4456448, "4.25 MiB"],
  [1024 ** 5, "1 PiB"],
  [1000 * 1024 ** 2, "0.977 GiB"],
])("says %d bytes as qemu-img does", (bytes, text) => {
  expect(humanSize(bytes)).toBe(text);
});
