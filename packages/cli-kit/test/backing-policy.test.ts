import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadableBlockBackend } from "@qcow/block";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BackingPolicy, referenceOpener } from "../src/backing-policy.js";

let root: string;
let top: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "qcow-policy-"));
  await mkdir(join(root, "images", "deep"), { recursive: true });
  top = join(root, "images", "top.qcow2");
  for (const name of ["outside.raw", "images/base.raw", "images/deep/base.raw"]) {
    await writeFile(join(root, name), "");
  }
  await symlink(join(root, "outside.raw"), join(root, "images", "link-out.raw"));
  await symlink(join(root, "images", "base.raw"), join(root, "images", "link-in.raw"));
  await symlink(root, join(root, "images", "folder-out"));
  await symlink("loop.raw", join(root, "images", "loop.raw"));
  await mkdir(join(root, "elsewhere", "deep"), { recursive: true });
  await writeFile(join(root, "elsewhere", "base.raw"), "");
  await symlink(join(root, "elsewhere", "deep"), join(root, "images", "folder-away"));
  await symlink(join(root, "images", "deep"), join(root, "images", "folder-in"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function open(policy: BackingPolicy, name: string, from = top, opens = true) {
  const paths: string[] = [];
  let closed = 0;
  const opener = referenceOpener({
    policy,
    topPath: top,
    openFile: async (path) => {
      paths.push(path);
      if (!opens) throw new Error("not there");
      const close = async () => void closed++;
      return { label: path, close } as Partial<ReadableBlockBackend> as ReadableBlockBackend;
    },
  });
  const opened = await opener({ kind: "backing", name, from }, {}).catch((error: unknown) => ({ error }));
  return { opened, paths, closed };
}

async function expectRefused(policy: BackingPolicy, name: string, from?: string) {
  const { opened, paths } = await open(policy, name, from);
  expect(opened).toMatchObject({ error: { code: "CLI_REFERENCE_REFUSED" } });
  expect(paths).toEqual([]);
  return (opened as { error: { message: string; hint?: string } }).error;
}

describe("--backing same-dir", () => {
  it("opens a file of the image's own folder, untrusted", async () => {
    const { opened, paths } = await open("same-dir", "base.raw");
    expect(paths).toEqual([join(root, "images", "base.raw")]);
    expect(opened).toMatchObject({ trusted: false });
  });

  it("opens a file below it, and one that is named relative to an image below it", async () => {
    expect((await open("same-dir", "deep/base.raw")).paths).toEqual([join(root, "images/deep/base.raw")]);
    const from = join(root, "images", "deep", "middle.qcow2");
    expect((await open("same-dir", "../base.raw", from)).paths).toEqual([`${root}/images/deep/../base.raw`]);
  });

  it("opens an absolute name that stays inside", async () => {
    const name = join(root, "images", "base.raw");
    expect((await open("same-dir", name)).paths).toEqual([name]);
  });

  it("follows a link that stays inside", async () => {
    expect((await open("same-dir", "link-in.raw")).paths).toHaveLength(1);
  });

  it.each(["../outside.raw", "deep/../../outside.raw", "/etc/passwd", ".", ".."])(
    "refuses %s",
    async (name) => {
      const error = await expectRefused("same-dir", name);
      expect(error.hint).toContain("--backing any");
    },
  );

  it("refuses what leaves the first image's folder even when a lower image names it as its own", async () => {
    await expectRefused("same-dir", "../../outside.raw", join(root, "images", "deep", "middle.qcow2"));
  });

  it.each(["link-out.raw", "folder-out/outside.raw"])("refuses %s, which a link leads out", async (name) => {
    await expectRefused("same-dir", name);
  });

  it("follows a link before it goes up from there, as the host does", async () => {
    expect((await open("same-dir", "folder-in/../base.raw")).paths).toEqual([
      `${root}/images/folder-in/../base.raw`,
    ]);
    await expectRefused("same-dir", "folder-away/../base.raw");
  });

  it("refuses a file that it cannot follow", async () => {
    const { message } = await expectRefused("same-dir", "loop.raw");
    expect(message).toContain("ELOOP");
  });

  it("leaves a missing file to the opener, which knows what to say", async () => {
    const { opened, paths } = await open("same-dir", "missing.raw", top, false);
    expect(opened).toEqual({ error: new Error("not there") });
    expect(paths).toHaveLength(1);
  });

  it("refuses, and closes, what opens though it has no path", async () => {
    const { opened, closed } = await open("same-dir", "missing.raw");
    expect(opened).toMatchObject({ error: { code: "CLI_REFERENCE_REFUSED" } });
    expect(closed).toBe(1);
  });
});

describe("--backing deny", () => {
  it("refuses everything and says so", async () => {
    const error = await expectRefused("deny", "base.raw");
    expect(error.message).toContain("--backing deny");
  });
});

describe("--backing any", () => {
  it("opens any file, trusted", async () => {
    const { opened, paths } = await open("any", "../outside.raw");
    expect(paths).toEqual([`${root}/images/../outside.raw`]);
    expect(opened).toMatchObject({ trusted: true });
  });

  it("still refuses what is no file", async () => {
    await expectRefused("any", "nbd:localhost:10809");
  });
});

it("takes the format from a json: name", async () => {
  const name = 'json:{"driver":"raw","file":{"driver":"file","filename":"base.raw"}}';
  expect((await open("same-dir", name)).opened).toMatchObject({ format: "raw" });
});
