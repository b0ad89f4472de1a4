import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { requireReplaceable, writeWhole } from "../src/text-file.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "qcow-text-file-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("replaces what was there, as another file, and leaves nothing beside it", async () => {
  const path = join(folder, "qcow.prom");
  writeFileSync(path, "old\n");
  const { ino } = statSync(path);
  await writeWhole(path, "new\n");
  expect(readFileSync(path, "utf8")).toBe("new\n");
  expect(statSync(path).ino).not.toBe(ino);
  expect(readdirSync(folder)).toEqual(["qcow.prom"]);
});

it("a collector of other users can read it", async () => {
  const path = join(folder, "qcow.prom");
  await writeWhole(path, "new\n");
  expect(statSync(path).mode & 0o044).toBe(0o044 & ~process.umask());
});

it("when it cannot be put in its place, nothing is left", async () => {
  const path = join(folder, "taken");
  mkdirSync(join(path, "full"), { recursive: true });
  await expect(writeWhole(path, "new\n")).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(["taken"]);
});

it("a folder that is not there is refused beforehand", async () => {
  await expect(requireReplaceable(join(folder, "nowhere", "x.prom"))).rejects.toMatchObject({
    code: "CLI_USAGE",
  });
  await requireReplaceable(join(folder, "x.prom"));
});

it("what is no regular file is refused beforehand, links to one too: a device would be one no more", async () => {
  writeFileSync(join(folder, "file"), "");
  symlinkSync("file", join(folder, "link"));
  mkdirSync(join(folder, "folder"));
  for (const path of ["/dev/null", join(folder, "link"), join(folder, "folder")])
    await expect(requireReplaceable(path), path).rejects.toMatchObject({ code: "CLI_USAGE" });
  await requireReplaceable(join(folder, "file"));
});

it("what holds no metrics is refused beforehand: it may be an image", async () => {
  const path = join(folder, "disk.qcow2");
  for (const [text, isReplaced] of [
    ["QFI\xfb", false],
    ["#", false],
    ["# HELP qcow_up", true],
  ] as const) {
    writeFileSync(path, text, "latin1");
    const asked = requireReplaceable(path);
    if (isReplaced) await asked;
    else await expect(asked).rejects.toMatchObject({ code: "CLI_USAGE" });
    expect(readFileSync(path, "latin1")).toBe(text);
  }
});
