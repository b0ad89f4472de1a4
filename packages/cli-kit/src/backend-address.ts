// What an IMAGE argument means: a path of the local file system, or a URL of some scheme. Owns the
// parsing only; the backend registry opens.

import { fileURLToPath } from "node:url";
import { CommandError } from "./command-error.js";

export interface BackendAddress {
  /** Lower case, without the colon; `file` for paths. */
  readonly scheme: string;
  /** A path for `file`, otherwise the whole URL as given. */
  readonly location: string;
}

/** A scheme has at least two letters, so that a Windows drive letter is a path. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/**
 * Reads an address as the user gave it. `name:` with no `//` after it is a scheme only for `file`, so
 * that a file called `backup:monday.qcow2` can be named.
 *
 * @throws CommandError `CLI_USAGE` for an empty address, one with a NUL, or a `file:` URL that names no local path.
 */
export function parseAddress(address: string): BackendAddress {
  if (address === "") throw new CommandError("CLI_USAGE", "the name of the image is empty");
  if (address.includes("\0")) throw new CommandError("CLI_USAGE", "the name of the image contains a NUL");
  const scheme = SCHEME.exec(address)?.[1]?.toLowerCase();
  if (scheme === "file") return { scheme, location: filePath(address) };
  if (scheme === undefined || !address.startsWith("//", scheme.length + 1)) {
    return { scheme: "file", location: address };
  }
  return { scheme, location: address };
}

/** How documents call the image at `address`, whose backend is `opened`: what may hold secrets in it is left out. */
export function shownName(address: string, opened: { readonly label: string }): string {
  const { scheme } = parseAddress(address);
  return scheme === "http" || scheme === "https" ? opened.label : address;
}

/** `file:///path` and `file://localhost/path` are URLs; `file:path` is the path after the colon, as qemu has it. */
function filePath(address: string): string {
  if (!/^file:\/\//i.test(address)) return address.slice("file:".length);
  try {
    return fileURLToPath(address);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError("CLI_USAGE", `${address} names no local file: ${reason}`, { cause: error });
  }
}
