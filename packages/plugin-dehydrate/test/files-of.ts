// Dehydrating and rehydrating in memory, for tests.

import { MemoryBackend } from "@qcow/backend-memory";
import type { ReadableBlockBackend } from "@qcow/block";
import { type DehydrateOptions, dehydrate, type Rehydrated, rehydrate } from "../src/index.js";

export interface DehydratedFiles {
  readonly map: Uint8Array;
  readonly meta: Uint8Array;
  readonly notes: readonly string[];
  readonly totalSize: number;
}

/** The text of a map. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export async function joined(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

export async function backendOf(bytes: Uint8Array): Promise<MemoryBackend> {
  const backend = new MemoryBackend({ label: "disk.qcow2" });
  await backend.write(0, bytes);
  return backend;
}

export async function filesOf(
  image: Uint8Array | ReadableBlockBackend,
  options: DehydrateOptions = {},
): Promise<DehydratedFiles> {
  const source = image instanceof Uint8Array ? await backendOf(image) : image;
  const dehydrated = await dehydrate(source, options);
  const map = await joined(dehydrated.map());
  const meta = await joined(dehydrated.meta());
  return { map, meta, notes: dehydrated.notes, totalSize: dehydrated.totalSize };
}

/** The image that comes of a map and metadata. */
export async function imageOf(files: {
  readonly map: Uint8Array | string;
  readonly meta: Uint8Array;
}): Promise<{ readonly file: MemoryBackend; readonly done: Rehydrated }> {
  const { map, meta } = files;
  const text = typeof map === "string" ? new TextEncoder().encode(map) : map;
  const file = new MemoryBackend();
  const done = await rehydrate({ map: [text], meta: () => ({ length: meta.length, chunks: [meta] }) }, file);
  return { file, done };
}

export async function bytesOf(file: MemoryBackend): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size());
  await file.read(0, bytes);
  return bytes;
}

/** Whether `text` is anywhere in `bytes`. */
export function has(bytes: Uint8Array, text: string | Uint8Array): boolean {
  const wanted =
    typeof text === "string" ? Buffer.from(text) : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(wanted);
}
