#!/usr/bin/env node
"use strict";
// The entry of `qcow-tool`: the same program. Where the two differ, commands print what qcow-tool printed; they look at the
// name that they were started by, which launchers on Windows would hide if this was no file of its own.
require("./run.js");
