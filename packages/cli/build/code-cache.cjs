"use strict";
// Runs `qcow info` from the bundle once, and saves the code that V8 compiled on the way as
// dist/direct-*.cache, which is good for this bundle and this version of V8 (see bin/load-direct.js).
const { mkdtempSync, readdirSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { cachePath, compile, evaluate, readBundle } = require("../bin/load-direct.js");

const root = join(__dirname, "..");
const { name, version } = require("../package.json");
const folder = mkdtempSync(join(tmpdir(), "qcow-build-"));

async function main() {
  removeOldCaches();
  const image = join(folder, "empty.qcow2");
  writeFileSync(image, emptyImage());
  const bundle = readBundle(root);
  const compiled = compile(bundle, undefined);
  const { runDirect } = evaluate(compiled);
  process.stdout.write = (_chunk, done) => done?.() ?? true;
  await runDirect("info", [image], { root, name, version });
  await runDirect("info", [image, "--json"], { root, name, version });
  writeFileSync(cachePath(bundle), compiled.script.createCachedData());
}

function removeOldCaches() {
  const dist = join(root, "dist");
  for (const name of readdirSync(dist)) if (/^direct.*\.cache$/.test(name)) rmSync(join(dist, name));
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
