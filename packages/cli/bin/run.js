#!/usr/bin/env node
"use strict";
// The entry of `qcow` and `qcow-tool`.
const { join } = require("node:path");

const root = join(__dirname, "..");
import(join(root, "dist", "main.js")).then(({ main }) => main(process.argv.slice(2), root));
