// The suite of @qcow/block judges the backend; what is left is about pieces.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runReadableBackendSuite } from "@qcow/block/testing";
import { openSplit } from "../split-backend.js";

const folder = mkdtempSync(join(tmpdir(), "qcow-split-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** `contents` in pieces of `bytes`. */
function cut(contents, bytes) {
  const path = join(folder, `disk-${count++}`);
  for (let piece = 0; piece === 0 || piece * bytes < contents.length; piece++) {
    const name = `${path}.${String(piece).padStart(3, "0")}`;
    writeFileSync(name, contents.subarray(piece * bytes, (piece + 1) * bytes));
  }
  return path;
}

runReadableBackendSuite({
  describe,
  it,
  name: "an image in pieces",
  open: (contents) => openSplit(cut(contents, 4099)),
});

it("an image without pieces, or with one missing, is not there", async () => {
  await assert.rejects(openSplit(join(folder, "nothing")), { code: "BACKEND_NOT_FOUND" });
  const path = cut(new Uint8Array(30), 10);
  rmSync(`${path}.001`);
  await assert.rejects(openSplit(path), { code: "BACKEND_NOT_FOUND", message: /disk-[0-9]+\.001/ });
});
