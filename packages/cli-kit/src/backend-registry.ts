// Which backend opens which kind of address. Owns the table from scheme to opener and the built-in
// ones, `file`, `http` and `https`; plugins add schemes through the oclif hook `qcow:backends` (see the README).

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import { type BackendAddress, parseAddress } from "./backend-address.js";
import { CommandError } from "./command-error.js";
import { RemoteAccess } from "./remote-access.js";

export interface OpenBackendOptions extends IoOptions {
  /** Asks for a lock that keeps out whoever wants to be alone with the bytes; nothing where there are no locks. */
  readonly lock?: "shared" | undefined;
  /** Whether many short reads will come, for which preparing is worth its time. */
  readonly manyReads?: boolean | undefined;
  /** How many bytes from the start on are wanted first: for those that fetch them from afar. */
  readonly headBytes?: number | undefined;
  /** How servers are reached; without headers or limits when absent. */
  readonly remote?: RemoteAccess | undefined;
}

/** Opens the bytes at an address for reading. Must never write to them. */
export type BackendOpener = (
  address: BackendAddress,
  options: OpenBackendOptions,
) => Promise<ReadableBlockBackend>;

/** What a plugin's `qcow:backends` hook is given. */
export interface BackendHookOptions {
  readonly registerBackendScheme: (scheme: string, opener: BackendOpener) => void;
}

const openers = new Map<string, BackendOpener>([
  ["file", openFile],
  ["http", openRemote],
  ["https", openRemote],
]);

/** Makes `opener` serve all addresses `scheme://…`; a later registration replaces an earlier one. */
export function registerBackendScheme(scheme: string, opener: BackendOpener): void {
  if (!/^[a-z][a-z0-9+.-]+$/.test(scheme)) throw new TypeError(`bad scheme: ${scheme}`);
  openers.set(scheme, opener);
}

/** Whether addresses of `scheme` can be opened. */
export function hasBackendScheme(scheme: string): boolean {
  return openers.has(scheme);
}

/**
 * Opens a path, a `file:` URL, or a URL of a registered scheme, for reading.
 *
 * @throws CommandError `CLI_UNKNOWN_SCHEME` when nothing is registered for the scheme.
 */
export async function openBackend(
  address: string,
  options: OpenBackendOptions = {},
): Promise<ReadableBlockBackend> {
  const parsed = parseAddress(address);
  const opener = openers.get(parsed.scheme);
  if (opener === undefined) throw unknownScheme(parsed.scheme);
  return opener(parsed, options);
}

async function openFile(
  address: BackendAddress,
  { lock, manyReads }: OpenBackendOptions,
): Promise<ReadableBlockBackend> {
  const { openReadable } = await import("@qcow/backend-node");
  // The host's own calls read what is in memory at once.
  return openReadable(address.location, { lock, sparse: manyReads });
}

function openRemote(
  { location }: BackendAddress,
  { remote = new RemoteAccess({ flags: {} }), headBytes, signal }: OpenBackendOptions,
): Promise<ReadableBlockBackend> {
  return remote.open(location, { headBytes, signal });
}

function unknownScheme(scheme: string): CommandError {
  const known = [...openers.keys()].map((name) => `${name}:`).join(", ");
  return new CommandError("CLI_UNKNOWN_SCHEME", `no backend can open ${scheme}: addresses`, {
    hint: `Known here: paths and ${known}. Further schemes come from plugins: qcow plugins install NAME.`,
  });
}
