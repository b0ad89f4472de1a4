"use strict";
// Loads dist/direct.cjs through V8's code cache, if there is one for this version of Node.js. Shared by
// the program and by the build, which makes the cache.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

/** Compiles the bundle of the package in the folder `root`. */
function compileDirect(root) {
  const filename = join(root, "dist", "direct.cjs");
  // The bundle is ASCII, and latin1 is the faster way to read that.
  const source = readFileSync(filename, "latin1");
  const wrapped = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
  return { filename, script: new Script(wrapped, { filename, cachedData: cachedCode(root) }) };
}

/** Runs it, and returns what it exports. */
function evaluate({ filename, script }) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, dirname(filename));
  return module.exports;
}

function cachedCode(root) {
  try {
    return readFileSync(join(root, "dist", "direct.cache"));
  } catch {
    return undefined;
  }
}

module.exports = { compileDirect, evaluate };
