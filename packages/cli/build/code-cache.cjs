"use strict";
// Runs `qcow info` from the bundle once, and saves the code that V8 compiled on the way as
// dist/direct.cache. It is good for the version of Node.js that runs this build; any other rejects it and
// compiles, which is a little slower and otherwise the same.
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { compileDirect, evaluate } = require("../bin/load-direct.js");

const root = join(__dirname, "..");
const { name, version } = require("../package.json");
const folder = mkdtempSync(join(tmpdir(), "qcow-build-"));

async function main() {
  rmSync(join(root, "dist", "direct.cache"), { force: true });
  const image = join(folder, "empty.qcow2");
  writeFileSync(image, emptyImage());
  const compiled = compileDirect(root);
  const { runDirect } = evaluate(compiled);
  process.stdout.write = (_chunk, done) => done?.() ?? true;
  await runDirect("info", [image], { root, name, version });
  await runDirect("info", [image, "--json"], { root, name, version });
  writeFileSync(join(root, "dist", "direct.cache"), compiled.script.createCachedData());
}

/** A version 3 image of an empty disk: four clusters of 64 KiB (header, refcount table, refcount block, L1 table). */
function emptyImage() {
  const image = Buffer.alloc(4 * 65536);
  image.writeUInt32BE(0x514649fb, 0);
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(16, 20);
  image.writeBigUInt64BE(1048576n, 24);
  image.writeUInt32BE(1, 36);
  image.writeBigUInt64BE(196608n, 40);
  image.writeBigUInt64BE(65536n, 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(104, 100);
  return image;
}

void main().finally(() => rmSync(folder, { recursive: true, force: true }));
