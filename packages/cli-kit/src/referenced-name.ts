// The name of a backing or data file as an image records it, reduced to a path of the local file
// system. Owns the parsing and what is refused by its form alone; backing-policy.ts judges the path.

import { CommandError } from "./command-error.js";

export interface ReferencedName {
  /** A path, relative or absolute, not yet resolved. */
  readonly path: string;
  /** The format, where the name itself tells it. */
  readonly format: "qcow2" | "raw" | undefined;
}

/** Longest name that is looked at, in UTF-16 units: qcow2 allows 1023 bytes for a backing file. */
const NAME_MAX = 4096;
/** What QEMU would take for a protocol; one letter is a Windows drive. */
const SCHEME = /^[^/\\:]{2,}:/;
/** What stands for bytes that are no UTF-8, or cannot be written as UTF-8: it would name another file. */
const NOT_UTF8 = /\ufffd|\p{Surrogate}/u;
const FORMATS = new Set(["qcow2", "raw"]);

/**
 * Reads `name`: a path, `file:` and a path, or `json:` and one of the three simple descriptions of a file.
 *
 * @throws CommandError `CLI_REFERENCE_REFUSED` for anything else: other protocols, other `json:` options, NULs,
 *   what is not UTF-8.
 */
export function parseReferencedName(name: string): ReferencedName {
  if (name.length > NAME_MAX) throw refusedName("a name that is too long");
  if (name.includes("\0")) throw refusedName("a name with a NUL in it");
  if (name.startsWith("json:")) return parseJsonName(name.slice("json:".length));
  return { path: localPath(name), format: undefined };
}

function localPath(name: string): string {
  const path = name.startsWith("file:") ? name.slice("file:".length) : name;
  if (path === "") throw refusedName("an empty name");
  if (NOT_UTF8.test(path)) throw refusedName("a name that is not UTF-8");
  if (SCHEME.test(path)) throw refusedName(`the protocol ${SCHEME.exec(path)?.[0] ?? ""}`);
  if (path.startsWith("//") || path.startsWith("\\\\")) throw refusedName("a network path");
  return path;
}

function parseJsonName(text: string): ReferencedName {
  const members = objectOf(parsed(text));
  const driver = members.get("driver");
  const nested = members.get("file");
  const file = nested === undefined ? flatFile(members) : nestedFile(members, nested);
  if (driver === "file" && nested === undefined && members.has("filename"))
    return { path: file, format: "raw" };
  if (members.has("filename")) throw refusedName("json: options that describe no file");
  if (driver === undefined) return { path: file, format: undefined };
  if (typeof driver !== "string" || !FORMATS.has(driver))
    throw refusedName("a json: driver other than qcow2, raw, file");
  return { path: file, format: driver === "qcow2" ? "qcow2" : "raw" };
}

/** `{"file.filename": …}` with or without `"file.driver": "file"`, or the file itself: `{"driver": "file", "filename": …}`. */
function flatFile(members: ReadonlyMap<string, unknown>): string {
  onlyKeys(members, ["driver", "filename", "file.filename", "file.driver"]);
  const driver = members.get("file.driver");
  if (driver !== undefined && driver !== "file") throw refusedName("a json: protocol other than file");
  return pathMember(members.get("file.filename") ?? members.get("filename"));
}

function nestedFile(members: ReadonlyMap<string, unknown>, nested: unknown): string {
  onlyKeys(members, ["driver", "file"]);
  const file = objectOf(nested);
  onlyKeys(file, ["driver", "filename"]);
  const driver = file.get("driver");
  if (driver !== undefined && driver !== "file") throw refusedName("a json: protocol other than file");
  return pathMember(file.get("filename"));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refusedName("a json: name that is no JSON", error);
  }
}

function objectOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusedName("json: options that describe no file");
  }
  return new Map(Object.entries(value));
}

function onlyKeys(members: ReadonlyMap<string, unknown>, allowed: readonly string[]): void {
  for (const key of members.keys()) {
    if (!allowed.includes(key)) throw refusedName("json: options other than driver and filename");
  }
}

function pathMember(value: unknown): string {
  if (typeof value !== "string" || value.includes("\0"))
    throw refusedName("json: options without a usable filename");
  return localPath(value);
}

function refusedName(what: string, cause?: unknown): CommandError {
  return new CommandError(
    "CLI_REFERENCE_REFUSED",
    `the image names its file by ${what}, which is not followed`,
    { cause },
  );
}
