// What the words of `qcow serve` name: IMAGE, or NAME=IMAGE. Owns the parsing, and how exports are called where no name is given.

import { basename } from "node:path";
import { CommandError, parseAddress } from "@qcow/cli-kit";

export interface ExportWord {
  /** As clients ask for it; the empty one is their default. */
  readonly name: string;
  readonly address: string;
}

/** NAME: up to the first `=`. Paths and URLs have a slash before that, so `./a=b.qcow2` and `http://host/x?a=b` are images. */
const NAMED = /^(?<name>[^=/\\]*)=(?<address>.+)$/s;

/** Longest name that the protocol has room for in bytes ("Values"). */
const NAME_BYTES_MAX = 4096;

/**
 * One image alone has the empty name; several are called as their files are. Names of their own win.
 *
 * @throws CommandError `CLI_USAGE` for two exports of one name, and for names that no client could send.
 */
export function parseExportWords(words: readonly string[]): ExportWord[] {
  const exports = words.map((word) => {
    const { name, address = word } = NAMED.exec(word)?.groups ?? {};
    return { name: name ?? (words.length === 1 ? "" : nameOf(address)), address };
  });
  const seen = new Set<string>();
  for (const { name } of exports) {
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw usage(`the name of an export is too long: ${name}`);
    if (seen.has(name)) throw usage(`two exports would be called "${name}"`);
    seen.add(name);
  }
  return exports;
}

/** The last part of a path or URL. */
function nameOf(address: string): string {
  const { scheme, location } = parseAddress(address);
  if (scheme === "file") return basename(location);
  return URL.canParse(location) ? basename(new URL(location).pathname) : location;
}

function usage(message: string): CommandError {
  return new CommandError("CLI_USAGE", message, { hint: "Give them names: NAME=IMAGE." });
}
