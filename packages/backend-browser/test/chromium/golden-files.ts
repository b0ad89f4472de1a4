// The engine's golden images, which QEMU made, and what QEMU said of them.

import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const folder = new URL("../../../engine/test/images/", import.meta.url);

export function goldenBytes(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`${file}.gz`, folder))));
}

/** What is known of an image: the hash of its disk, and the files it consists of. */
export function goldenFacts(name: string): { readonly sha256: string; readonly files: readonly string[] } {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

/** Names of the images with compressed clusters that stand alone. */
export function compressedImages(): string[] {
  const names = readdirSync(folder).filter((name) => /^comp.*\.json$/.test(name));
  return names.map((name) => name.slice(0, -".json".length));
}
