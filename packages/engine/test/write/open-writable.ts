// Opens images for writing in tests, again and again: with the backing and data files that tests keep in memory.

import { type BlockBackend, ForwardingBackend, type ReadableBlockBackend } from "@qcow/block";
import { expect } from "vitest";
import { checkImage, type OpenImageOptions, Qcow2Image, Qcow2Reader } from "../../src/index.js";
import type { DiskModel } from "../disk-model.js";
import { expectBytes } from "../expect-disk.js";
import { compression } from "../streams.js";

/** Files that an image names; they outlive the image. */
export interface Beside {
  /** The external data file. */
  readonly data?: BlockBackend | undefined;
  /** The backing file; its format is what the image says. */
  readonly backing?: ReadableBlockBackend | undefined;
}

class Kept extends ForwardingBackend {
  override async close(): Promise<void> {}
}

/** `backend`, which its users cannot close. */
export function kept(backend: BlockBackend): BlockBackend {
  return new Kept(backend);
}

/** What opens the files beside an image for reading. */
export function referencesOf({ data, backing }: Beside) {
  return async ({ kind }: { readonly kind: string }) => {
    const file = kind === "data" ? data : backing;
    if (file === undefined) throw new Error(`there is no ${kind} file`);
    return { backend: kept(file as BlockBackend) };
  };
}

/** The image in `backend`, open for writing. */
export function openWritable(
  backend: BlockBackend,
  beside: Beside = {},
  options: OpenImageOptions = {},
): Promise<Qcow2Image> {
  const { data } = beside;
  const openDataFile = data === undefined ? undefined : async () => kept(data);
  return Qcow2Image.open(backend, {
    compression,
    openReference: referencesOf(beside),
    openDataFile,
    ...options,
  });
}

/** A reader of what the file has now. */
export function openReader(
  backend: ReadableBlockBackend,
  beside: Beside = {},
  snapshot?: string,
): Promise<Qcow2Reader> {
  return Qcow2Reader.open(backend, { compression, openReference: referencesOf(beside), snapshot });
}

/** Fails unless the disk in `backend` is `model`, read from the file by somebody new. */
export async function expectContents(
  backend: ReadableBlockBackend,
  model: DiskModel,
  beside: Beside = {},
  snapshot?: string,
): Promise<void> {
  const reader = await openReader(backend, beside, snapshot);
  expect(reader.virtualSize).toBe(model.size);
  const bytes = new Uint8Array(model.size);
  await reader.read(0, bytes);
  expectBytes(bytes, model.bytes(), snapshot === undefined ? "the disk" : `snapshot ${snapshot}`);
  await reader.close();
}

/** Fails unless a check finds nothing at all. */
export async function expectClean(backend: ReadableBlockBackend): Promise<void> {
  const report = await checkImage(backend);
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ leaks: 0, corruptions: 0, checkErrors: 0 });
}

/** Fails when a check finds worse than leaks. */
export async function expectNoCorruption(backend: ReadableBlockBackend): Promise<void> {
  const report = await checkImage(backend);
  expect(report.findings.filter(({ code }) => code !== "REFCOUNT_TOO_HIGH")).toEqual([]);
  expect(report).toMatchObject({ corruptions: 0, checkErrors: 0 });
}
