// Which files an image may cause to be opened: the policy of `--backing`. Names come from the image and
// are not trusted, so the path is judged by its text first and, only if that passes, by the file system.
// Owns the decision; referenced-name.ts reads the names.

import { isAbsolute, relative, resolve, sep } from "node:path";
import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import type { OpenedReference, Reference } from "@qcow/engine";
import { CommandError } from "./command-error.js";
import { parseReferencedName } from "./referenced-name.js";
import { referencedPath } from "./referenced-path.js";

/** `deny`: none. `same-dir`: files in the folder of the first image or below it. `any`: all files. */
export const BACKING_POLICIES = ["deny", "same-dir", "any"] as const;
export type BackingPolicy = (typeof BACKING_POLICIES)[number];

/** Opens a file; its path becomes its label. */
export type FileOpener<Backend = ReadableBlockBackend> = (
  path: string,
  options: IoOptions,
) => Promise<Backend>;

export interface BackingPolicyOptions<Backend = ReadableBlockBackend> {
  readonly policy: BackingPolicy;
  /** Path of the image that the user named. */
  readonly topPath: string;
  readonly openFile: FileOpener<Backend>;
}

/** A `ReferenceOpener` of whatever `openFile` opens. */
export type PolicedOpener<Backend extends ReadableBlockBackend> = (
  reference: Reference,
  options: IoOptions,
) => Promise<OpenedReference & { readonly backend: Backend }>;

/** The opener for what an image names, under a policy. Rejects with `CLI_REFERENCE_REFUSED` before touching what is refused. */
export function referenceOpener<Backend extends ReadableBlockBackend>({
  policy,
  topPath,
  openFile,
}: BackingPolicyOptions<Backend>): PolicedOpener<Backend> {
  const folder = referencedPath(topPath, ".");
  return async (reference, options) => {
    if (policy === "deny") throw refused(reference, "--backing deny forbids opening it");
    const { path, format } = parseReferencedName(reference.name);
    const label = referencedPath(reference.from, path);
    if (policy === "any") {
      return { backend: await openFile(label, options), format, trusted: true };
    }
    if (!isInside(resolve(folder), resolve(label))) throw outside(reference);
    const isThere = await leadsInside(folder, label, reference);
    const backend = await openFile(label, options);
    if (!isThere) {
      // It has no path, and still it opens: a deleted file, reached by way of an open descriptor.
      await backend.close();
      throw outside(reference);
    }
    return { backend, format, trusted: false };
  };
}

/** False for a file that does not exist, which opening it will tell. Rejects when links lead out, or where cannot be told. */
async function leadsInside(folder: string, file: string, reference: Reference): Promise<boolean> {
  const { realpath } = await import("node:fs/promises");
  let isIn: boolean;
  try {
    isIn = isInside(await realpath(folder), await realpath(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw refused(reference, `where it leads to cannot be told (${code})`);
  }
  if (!isIn) throw outside(reference);
  return true;
}

function isInside(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function outside(reference: Reference): CommandError {
  return refused(reference, "it is outside the image's own folder");
}

function refused(reference: Reference, reason: string): CommandError {
  const role = reference.kind === "backing" ? "backing file" : "data file";
  return new CommandError(
    "CLI_REFERENCE_REFUSED",
    `${reference.from}: the ${role} ${JSON.stringify(reference.name)} is not opened: ${reason}`,
    { hint: "If you trust the image, allow it with --backing any." },
  );
}
