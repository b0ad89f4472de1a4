// The TLS of a server from the files that flags name. Owns which of them go together, reading them, and the form of files of
// keys, which is that of GnuTLS's psktool.

import { readFile } from "node:fs/promises";
import { CommandError } from "@qcow/cli-kit";
import type { NbdTls } from "@qcow/nbd";
import { nodeTls } from "@qcow/nbd/node";

export interface TlsFlags {
  readonly "tls-cert"?: string | undefined;
  readonly "tls-key"?: string | undefined;
  readonly "tls-ca"?: string | undefined;
  readonly "tls-psk"?: string | undefined;
  readonly "tls-optional"?: boolean | undefined;
}

/**
 * Undefined when no flag asks for TLS.
 *
 * @throws CommandError `CLI_USAGE` for flags of which one lacks another, `CLI_BAD_CREDENTIALS` for what the files have.
 */
export async function tlsOf(flags: TlsFlags): Promise<NbdTls | undefined> {
  const { "tls-cert": cert, "tls-key": key, "tls-ca": ca, "tls-psk": psk, "tls-optional": optional } = flags;
  if ((cert === undefined) !== (key === undefined)) throw usage("--tls-cert and --tls-key need each other");
  if (ca !== undefined && cert === undefined) throw usage("--tls-ca needs --tls-cert and --tls-key");
  if (cert === undefined && psk === undefined) {
    if (optional === true) throw usage("--tls-optional needs --tls-cert or --tls-psk");
    return undefined;
  }
  const options = {
    required: optional !== true,
    cert: await contentsOf(cert),
    key: await contentsOf(key),
    ca: await contentsOf(ca),
    preSharedKeys: psk === undefined ? undefined : parseKeys(psk, String(await contentsOf(psk))),
  };
  try {
    return nodeTls(options);
  } catch (error) {
    const files = [cert, key, ca].filter((each) => each !== undefined).join(", ");
    throw bad(`${files}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

async function contentsOf(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw bad(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

/** Lines `USER:KEY`, the key in hexadecimal; nothing of a line is told in an error, since it is a secret. */
export function parseKeys(path: string, text: string): ReadonlyMap<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const { user, key } = /^(?<user>.+):(?<key>(?:[0-9a-fA-F]{2})+)$/.exec(line.trim())?.groups ?? {};
    if (user === undefined || key === undefined)
      throw bad(`${path}, line ${index + 1}: not USER:KEY with the key in hexadecimal`);
    keys.set(user, Buffer.from(key, "hex"));
  }
  if (keys.size === 0) throw bad(`${path} has no keys`);
  return keys;
}

function usage(message: string): CommandError {
  return new CommandError("CLI_USAGE", message);
}

function bad(message: string, cause?: unknown): CommandError {
  return new CommandError("CLI_BAD_CREDENTIALS", message, { cause });
}
