// Folders for tests on the real file system, removed when the test file is through.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Makes paths in a folder of this test file; each name is new. */
export function scratch(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "qcow-backend-node-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return (name = "file") => {
    count += 1;
    return join(folder, `${count}-${name}`);
  };
}
