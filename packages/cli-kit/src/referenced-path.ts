// Where a relative name that an image records leads to: beside the image. Owns the joining, by which files are
// opened and shown alike.

import { isAbsolute, sep } from "node:path";

/**
 * `name` as seen from where `image` is. Nothing is resolved: in `link/../base.raw` it is the host that follows
 * the link before it goes up, as QEMU has it.
 */
export function referencedPath(image: string, name: string): string {
  if (isAbsolute(name)) return name;
  const slash = image.lastIndexOf("/");
  const end = sep === "/" ? slash : Math.max(slash, image.lastIndexOf(sep));
  return image.slice(0, end + 1) + name;
}
