// Which export a name means. Owns that the empty name, the default of clients, means the only export there is.

import type { NbdExport } from "../exports/nbd-export.js";

export interface NamedExport {
  readonly name: string;
  readonly disk: NbdExport;
}

export function findExport(exports: ReadonlyMap<string, NbdExport>, name: string): NamedExport | undefined {
  const disk = exports.get(name);
  if (disk !== undefined) return { name, disk };
  const [only] = exports;
  return name === "" && exports.size === 1 && only !== undefined
    ? { name: only[0], disk: only[1] }
    : undefined;
}
