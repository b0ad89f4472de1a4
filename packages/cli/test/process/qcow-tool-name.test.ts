// The program by its second name, as launchers start it that hide how they were called.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { Folder } from "./folder.js";
import { filled, tinyImage } from "./tiny-image.js";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const folder = new Folder("name");
folder.put("disk.qcow2", tinyImage({ clusters: new Map([[1, filled(7)]]) }));

/** What the program called `name` prints. */
function printed(name: string, ...args: string[]): string {
  const { bin } = JSON.parse(readFileSync(`${PACKAGE}package.json`, "utf8")) as {
    bin: Readonly<Record<string, string>>;
  };
  const program = `${PACKAGE}${bin[name]}`;
  return spawnSync(process.execPath, [program, ...args], { cwd: folder.path, encoding: "utf8" }).stdout;
}

it("started as qcow-tool, check and info print what qcow-tool does; options win over the name", () => {
  expect(printed("qcow-tool", "check", "disk.qcow2")).toBe(
    "Qcow file seems intact.\nTotal free blocks: 0\nTotal used blocks: 6\n",
  );
  expect(printed("qcow-tool", "info", "disk.qcow2")).toMatch(/^\(\(version Three\)/);
  for (const args of [
    ["info", "disk.qcow2", "--output", "human"],
    ["info", "disk.qcow2", "--json"],
  ])
    expect(printed("qcow-tool", ...args)).toBe(printed("qcow", ...args));
});

it("started as qcow, they print what qemu-img does", () => {
  expect(printed("qcow", "check", "disk.qcow2")).toMatch(/^No errors were found on the image\.\n/);
  expect(printed("qcow", "info", "disk.qcow2")).toMatch(/^image: disk\.qcow2\n/);
});
