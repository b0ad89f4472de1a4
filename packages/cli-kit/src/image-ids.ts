// Short names of the images of one run, for labels of metrics and the like. Owns that different addresses have different
// ones, and that nothing of an address but its last part is in them: the rest may hold secrets.

export class ImageIds {
  readonly #byAddress = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** The id of the image at `address`; `wanted` if that is free and the address has none yet. */
  of(address: string, wanted?: string): string {
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    const base = wanted ?? lastPart(address);
    let id = base;
    for (let number = 2; this.#taken.has(id); number++) id = `${base}-${number}`;
    this.#taken.add(id);
    this.#byAddress.set(address, id);
    return id;
  }
}

function lastPart(address: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]+):(?:\/\/)?(.*)$/is.exec(address) ?? [];
  if (scheme === undefined || rest === undefined) return last(address.split("/"));
  // What is before an @ may be a password, and so may what is behind the path.
  const parts = rest
    .replace(/[?#].*$/s, "")
    .replace(/^[^/]*@/, "")
    .split("/");
  // A host is no image; of other schemes it may be all that there is.
  return last(/^https?$/i.test(scheme) ? parts.slice(1) : parts);
}

function last(parts: readonly string[]): string {
  return parts.findLast((part) => part !== "") ?? "image";
}
