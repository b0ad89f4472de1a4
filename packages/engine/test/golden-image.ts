// Reads the golden images of test/images: the files, and what QEMU said of them (see the README there).

import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { MemoryBackend } from "@qcow/backend-memory";
import type { ReferenceOpener } from "../src/index.js";

const FOLDER = new URL("./images/", import.meta.url);

/** `[start, length, depth, flags, offset]` of an extent; flags are p(resent), z(ero), d(ata). */
export type GoldenExtent = [number, number, number, string, number?];

/** What NAME.json has. */
export interface Golden {
  readonly description: string;
  /** The image, then the files it stands on. */
  readonly files: readonly string[];
  readonly info: Readonly<Record<string, unknown>>;
  readonly check: { readonly exit: number; readonly json: Readonly<Record<string, unknown>> };
  readonly map?: readonly GoldenExtent[];
  /** Of the whole contents; encrypted ones as they are with the key. */
  readonly sha256?: string;
  /** `[start, length, sha256]` of everything that is not zero, for disks too large to be read whole. */
  readonly dataRuns?: readonly [number, number, string][];
  readonly snapshots?: readonly {
    readonly id: string;
    readonly name: string;
    readonly sha256: string | null;
  }[];
}

export const GOLDEN_NAMES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.slice(0, -".json".length));

export function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8")) as Golden;
}

/** One file, in memory. */
export function goldenFile(name: string): MemoryBackend {
  const packed = readFileSync(new URL(`${name}.gz`, FOLDER));
  return MemoryBackend.fromBytes(new Uint8Array(gunzipSync(packed)), { label: name, identity: name });
}

/** Opens the files that a golden image names; nothing else. */
export function goldenOpener(files: readonly string[]): ReferenceOpener {
  return async ({ name }) => {
    if (!files.includes(name)) throw new Error(`${name} is no file of this image`);
    return { backend: goldenFile(name), trusted: true };
  };
}
