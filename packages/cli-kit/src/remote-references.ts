// Which files an image at a server may cause to be opened: the policy of `--backing` for addresses. Names come from the
// image and are not trusted. Owns the decision; local files are never among them.

import type { IoOptions, ReadableBlockBackend } from "@qcow/block";
import type { Reference, ReferenceOpener } from "@qcow/engine";
import type { BackingPolicy } from "./backing-policy.js";
import { CommandError } from "./command-error.js";
import { parseReferencedName } from "./referenced-name.js";

export interface RemoteReferenceOptions {
  readonly policy: BackingPolicy;
  /** The address at which the file with this label was found, redirects followed; without one, the image that the user named. */
  readonly landingOf: (label?: string) => string | undefined;
  readonly open: (url: string, options: IoOptions) => Promise<ReadableBlockBackend>;
}

/**
 * The opener for what a remote image names: relative names lead on from where the image was found. `same-dir` allows what
 * has the same origin, and lies in the same folder or below; `any` allows any http: or https: address.
 */
export function remoteReferenceOpener(options: RemoteReferenceOptions): ReferenceOpener {
  const { policy, landingOf, open } = options;
  return async (reference, io) => {
    if (policy === "deny") throw refused(reference, "--backing deny forbids opening it");
    const { url, format } = addressOf(reference, landingOf(reference.from));
    const top = landingOf();
    if (policy === "same-dir" && (top === undefined || !isInFolderOf(new URL(top), url)))
      throw refused(reference, "it is not in the image's own folder at its server");
    return { backend: await open(url.href, io), format, trusted: policy === "any" };
  };
}

function addressOf(
  reference: Reference,
  from: string | undefined,
): { readonly url: URL; readonly format: "qcow2" | "raw" | undefined } {
  const { name } = reference;
  if (/^https?:\/\//i.test(name)) {
    if (!URL.canParse(name)) throw refused(reference, "it is no valid address");
    return { url: new URL(name), format: undefined };
  }
  // It says itself that it is a file of some host, not of a server.
  if (/^(file|json):/.test(name))
    throw refused(reference, "it is a local file, named by an image that is none");
  const { path, format } = parseReferencedName(name);
  // A name is no piece of an address: what means something there is part of the name here.
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return { url: new URL(encoded, from), format };
}

function isInFolderOf(top: URL, url: URL): boolean {
  const folder = top.pathname.slice(0, top.pathname.lastIndexOf("/") + 1);
  // Some servers take these for what separates folders.
  const hidesSlash = /%2f|%5c/i.test(url.pathname);
  return url.origin === top.origin && url.username === "" && url.pathname.startsWith(folder) && !hidesSlash;
}

function refused(reference: Reference, reason: string): CommandError {
  const role = reference.kind === "backing" ? "backing file" : "data file";
  return new CommandError(
    "CLI_REFERENCE_REFUSED",
    `${reference.from}: the ${role} ${JSON.stringify(reference.name)} is not opened: ${reason}`,
    { hint: "If you trust the image, allow it with --backing any." },
  );
}
