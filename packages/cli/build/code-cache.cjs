"use strict";
// Runs commands from the bundle, and saves the code that V8 compiled on the way as dist/direct-*.cache, which is good for
// this bundle and this version of V8 (see bin/load-direct.js). Which commands: those that are run most, and those that
// together need most of the program.
const { createServer } = require("node:http");
const { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { cachePath, compile, evaluate, readBundle } = require("../bin/load-direct.js");

const root = join(__dirname, "..");
const { name, version } = require("../package.json");
const folder = mkdtempSync(join(tmpdir(), "qcow-build-"));
const RAW_BYTES = 3 * 1024 * 1024;

async function main() {
  removeOldCaches();
  const bundle = readBundle(root);
  const compiled = compile(bundle, undefined);
  const { runDirect } = evaluate(compiled);
  const run = (command, ...rest) => runDirect(command, rest, { root, name, version });
  process.stdout.write = (_chunk, done) => done?.() ?? true;
  const [raw, image, copy] = ["disk.raw", "disk.qcow2", "copy.raw"].map((file) => join(folder, file));
  writeFileSync(raw, Buffer.alloc(RAW_BYTES, 1));
  await run("encode", raw, image);
  const { server, url } = await served(image);
  for (const place of [image, url]) {
    await run("info", place);
    await run("info", place, "--json");
    await run("map", place, "--json");
    await run("check", place);
    await run("decode", place, copy);
  }
  server.close();
  writeFileSync(cachePath(bundle), compiled.script.createCachedData());
}

/** A server of the file at `path` that knows ranges, and no more of HTTP than that. */
async function served(path) {
  const bytes = readFileSync(path);
  const server = createServer(({ headers }, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range).map(Number);
    const part = bytes.subarray(first, last + 1);
    const range = `bytes ${first}-${first + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": part.length, etag: '"1"' }).end(part);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/disk.qcow2` };
}

function removeOldCaches() {
  const dist = join(root, "dist");
  for (const file of readdirSync(dist)) if (/^direct.*\.cache$/.test(file)) rmSync(join(dist, file));
}

// Each command listens for failures of these, and connections to the server stay open.
for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
main()
  .finally(() => rmSync(folder, { recursive: true, force: true }))
  .then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`${error?.stack}\n`);
      process.exit(1);
    },
  );
