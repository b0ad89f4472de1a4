// What the check of bundles must find. It needs a build, as the check does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bundleFindings } from "../bundle-size.mjs";

const findings = async (source, limit = 1024 ** 2) =>
  (await bundleFindings({ name: "planted", source, limit })).findings.join("\n");

test("a bundle within its limit is fine, and its size is told", async () => {
  const { findings, bytes } = await bundleFindings({
    name: "planted",
    source: 'export { readMetadata } from "@qcow/engine";',
    limit: 1024 ** 2,
  });
  assert.deepEqual(findings, []);
  assert.ok(bytes > 1000);
});

test("a bundle over its limit is reported", async () => {
  assert.match(await findings('export { readMetadata } from "@qcow/engine";', 1000), /limit is 1000/);
});

test("a module of Node is reported, also where a dependency imports it", async () => {
  assert.match(await findings('export { readFile } from "node:fs/promises";'), /node:fs/);
  assert.match(await findings('export { openReadable } from "@qcow/backend-node";'), /does not bundle/);
});

test("what only writers need is reported", async () => {
  assert.match(await findings('export { createImage } from "@qcow/engine";'), /only writers need/);
});
