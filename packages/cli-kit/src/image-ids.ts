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
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(address);
  const path = isUrl ? address.replace(/[?#].*$/s, "").replace(/^[^:]*:(\/\/[^/]*)?/, "") : address;
  return path.split("/").findLast((part) => part !== "") ?? "image";
}
