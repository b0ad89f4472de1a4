// Which files an image at a server may name.

import type { ReadableBlockBackend } from "@qcow/block";
import { describe, expect, it } from "vitest";
import type { BackingPolicy } from "../src/backing-policy.js";
import { remoteReferenceOpener } from "../src/remote-references.js";

const TOP = "https://images.example/vm/top.qcow2?signature=s";

/** Opens `name` as the top image names it, or a file that was found at `landing`. */
async function open(policy: BackingPolicy, name: string, landing = TOP) {
  const urls: string[] = [];
  const opener = remoteReferenceOpener({
    policy,
    landingOf: (label) => (label === undefined ? TOP : landing),
    open: async (url) => {
      urls.push(url);
      return { label: url } as Partial<ReadableBlockBackend> as ReadableBlockBackend;
    },
  });
  const opened = await opener({ kind: "backing", name, from: "top" }, {}).catch((error: unknown) => ({
    error,
  }));
  return { opened, urls };
}

async function expectRefused(policy: BackingPolicy, name: string, landing?: string): Promise<void> {
  const { opened, urls } = await open(policy, name, landing);
  expect(opened).toMatchObject({ error: { code: "CLI_REFERENCE_REFUSED" } });
  expect(urls).toEqual([]);
}

describe("--backing same-dir, for an image at a server", () => {
  it.each([
    ["base.qcow2", "https://images.example/vm/base.qcow2"],
    ["deep/base.qcow2", "https://images.example/vm/deep/base.qcow2"],
    ["./base.qcow2", "https://images.example/vm/base.qcow2"],
    ["/vm/base.qcow2", "https://images.example/vm/base.qcow2"],
    ["https://images.example/vm/base.qcow2", "https://images.example/vm/base.qcow2"],
    ["base #1?50%.qcow2", "https://images.example/vm/base%20%231%3F50%25.qcow2"],
  ])("opens %s beside it, untrusted", async (name, url) => {
    const { opened, urls } = await open("same-dir", name);
    expect(urls).toEqual([url]);
    expect(opened).toMatchObject({ trusted: false });
  });

  it.each([
    "../base.qcow2",
    "deep/../../base.qcow2",
    "/base.qcow2",
    "/vmm/base.qcow2",
    "https://images.example/base.qcow2",
    "https://images.example/vm/..%2fbase.qcow2",
    "https://user@images.example/vm/base.qcow2",
    "http://images.example/vm/base.qcow2",
    "https://images.example:444/vm/base.qcow2",
    "https://elsewhere.example/vm/base.qcow2",
    "https://",
  ])("refuses %s", async (name) => {
    await expectRefused("same-dir", name);
  });

  it("leads on from where the file was found that has the name", async () => {
    const found = "https://images.example/vm/deep/mid.qcow2";
    expect((await open("same-dir", "base.qcow2", found)).urls).toEqual([
      "https://images.example/vm/deep/base.qcow2",
    ]);
    await expectRefused("same-dir", "base.qcow2", "https://elsewhere.example/vm/mid.qcow2");
  });
});

describe.each(["same-dir", "any"] as const)("--backing %s, for an image at a server", (policy) => {
  it.each(["file:///etc/passwd", "file:base.raw", "nbd://host/export", "json:{}", "//host/base.qcow2", ""])(
    "never opens %s",
    async (name) => {
      await expectRefused(policy, name);
    },
  );
});

it("--backing any opens any address of a server, trusted", async () => {
  for (const url of ["https://elsewhere.example/a", "http://images.example/b"]) {
    const { opened, urls } = await open("any", url);
    expect(urls).toEqual([url]);
    expect(opened).toMatchObject({ trusted: true });
  }
  expect((await open("any", "../base.qcow2")).urls).toEqual(["https://images.example/base.qcow2"]);
});

it("--backing deny opens nothing", async () => {
  await expectRefused("deny", "base.qcow2");
});
