// Bundles for the browser, made from the sources of the workspace: the example's page as its own configuration has it,
// and a script for tests.

import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import type { ServedFile } from "./file-server.js";

const packages = fileURLToPath(new URL("../../../", import.meta.url));
const inspectFolder = fileURLToPath(new URL("../../examples/inspect/", import.meta.url));

/** As in vitest.shared.ts: never a stale build. */
const fromSources = {
  alias: [{ find: /^@qcow\/([a-z-]+)$/, replacement: `${packages}$1/src/index.ts` }],
};

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** The files of the example's page, by path. */
export async function inspectPage(): Promise<Map<string, ServedFile>> {
  const folder = await mkdtemp(join(tmpdir(), "inspect-page-"));
  try {
    await build({
      root: inspectFolder,
      configFile: join(inspectFolder, "vite.config.ts"),
      resolve: fromSources,
      build: { outDir: folder, emptyOutDir: true },
      logLevel: "error",
    });
    return filesOf(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A page that only runs `entry`, a script of this folder. */
export async function scriptPage(entry: string): Promise<Map<string, ServedFile>> {
  const folder = await mkdtemp(join(tmpdir(), "script-page-"));
  try {
    const file = fileURLToPath(new URL(entry, import.meta.url));
    await build({
      configFile: false,
      resolve: fromSources,
      build: { outDir: folder, lib: { entry: file, formats: ["es"], fileName: () => "script.js" } },
      logLevel: "error",
    });
    const html = '<!doctype html><title>test</title><script type="module" src="/script.js"></script>';
    return filesOf(folder).set("/index.html", { bytes: new TextEncoder().encode(html), type: "text/html" });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function filesOf(folder: string): Map<string, ServedFile> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      return [path.slice(folder.length).replaceAll("\\", "/"), { bytes: readFileSync(path), type }];
    }),
  );
}
