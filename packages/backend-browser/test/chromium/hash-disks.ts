// Runs in the browser: the hash of a whole disk, read by the engine through this package.

import { browserClock, openBlob, webCompression } from "@qcow/backend-browser";
import { Qcow2Reader } from "@qcow/engine";

async function hashDisk(address: string): Promise<string> {
  const answer = await fetch(address);
  await using image = await Qcow2Reader.open(openBlob(await answer.blob()), {
    compression: webCompression(),
  });
  const disk = new Uint8Array(image.virtualSize);
  await image.read(0, disk);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", disk));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A stream of the browser's own, as often padded and cut as tests want. */
async function roundTrip(length: number): Promise<boolean> {
  const compression = webCompression();
  const bytes = Uint8Array.from({ length }, (_, at) => (at * at) >> 7);
  const stream = await compression.compress("deflate", bytes);
  const padded = new Uint8Array(stream.length + 511).fill(0xaa);
  padded.set(stream);
  const target = new Uint8Array(length);
  await compression.decompress("deflate", padded, target);
  await browserClock().sleep(1);
  return target.every((byte, at) => byte === bytes[at]);
}

Object.assign(globalThis, { hashDisk, roundTrip });
