"use strict";
// Loads dist/direct.cjs the fastest way that this Node.js allows. Shared by the program and by the build.
// - The build leaves the code that V8 compiled beside the bundle, for its own version of V8.
// - Elsewhere, Node.js 22.1 and later keep a cache themselves, in a folder of the user's for temporary files.
// - Otherwise the bundle is compiled anew each time, which costs about 20 ms.
const { readFileSync } = require("node:fs");
const nodeModule = require("node:module");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

/** What the bundle of the package in the folder `root` exports. */
function loadDirect(root) {
  const bundle = readBundle(root);
  const cachedData = cachedCode(bundle);
  if (cachedData !== undefined) return evaluate(compile(bundle, cachedData));
  nodeModule.enableCompileCache?.();
  return call(require(bundle.filename).main, bundle.filename);
}

/** The bundle's text; it is ASCII, and latin1 is the faster way to read that. */
function readBundle(root) {
  const filename = join(root, "dist", "direct.cjs");
  return { filename, source: readFileSync(filename, "latin1") };
}

/** The bundle as a script, compiled with the help of `cachedData` where V8 accepts it. */
function compile({ filename, source }, cachedData) {
  return { filename, script: new Script(source, { filename, cachedData }) };
}

/** Runs it, and returns what it exports. */
function evaluate({ filename, script }) {
  const main = script.runInThisContext();
  delete globalThis.main;
  return call(main, filename);
}

/** Calls the function that the bundle is, as Node.js calls a module; returns what it exports. */
function call(main, filename) {
  const exported = { exports: {} };
  main(exported.exports, nodeModule.createRequire(filename), exported, filename, dirname(filename));
  return exported.exports;
}

/**
 * Where the compiled code of this very bundle for this version of V8 is, if the build has left it. V8 itself
 * compares no more than the length of the source, so the name has the digest that the bundle begins with.
 */
function cachePath({ filename, source }) {
  const digest = source.slice("/*".length, source.indexOf("*/"));
  return join(dirname(filename), `direct-${digest}-${process.versions.v8}-${process.arch}.cache`);
}

function cachedCode(bundle) {
  try {
    return readFileSync(cachePath(bundle));
  } catch {
    return undefined;
  }
}

module.exports = { cachePath, compile, evaluate, loadDirect, readBundle };
