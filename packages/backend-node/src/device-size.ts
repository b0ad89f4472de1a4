// The length of a block device, whose stat result says 0. Asks Linux's sysfs first; anywhere else the
// end is searched by reading. Knows nothing of regular files.

import type { FileStats, HostError } from "./file-system.js";
import { hostError } from "./host-error.js";
import type { Descriptor } from "./positional-io.js";

/** sysfs counts in these whatever the device's own sectors are. */
const SYSFS_SECTOR_BYTES = 512;

/** Length in bytes of the open block device. */
export async function deviceSize(device: Descriptor, stats: FileStats): Promise<number> {
  return (await sysfsSize(device, stats.rdev)) ?? (await searchEnd(device));
}

async function sysfsSize({ fs }: Descriptor, rdev: bigint): Promise<number | undefined> {
  const path = `/sys/dev/block/${major(rdev)}:${minor(rdev)}/size`;
  const text = await new Promise<string>((resolve) => {
    fs.readFile(path, "latin1", (error, content) => resolve(error ? "" : content.trim()));
  });
  const size = /^\d{1,16}$/.test(text) ? Number(text) * SYSFS_SECTOR_BYTES : undefined;
  // Zero may be a device without a medium, or a sysfs that is not this kernel's: let reading decide.
  return size !== undefined && size > 0 && Number.isSafeInteger(size) ? size : undefined;
}

/** Finds the first position that cannot be read: doubling, then halving; about a hundred reads of one byte. */
async function searchEnd(device: Descriptor): Promise<number> {
  let inside = 0;
  let outside = 1;
  while (outside < Number.MAX_SAFE_INTEGER && (await canRead(device, outside - 1))) {
    inside = outside;
    outside = Math.min(outside * 2, Number.MAX_SAFE_INTEGER);
  }
  // Every byte before `inside` can be read, none from `outside` on.
  while (inside < outside - 1) {
    const middle = inside + Math.floor((outside - inside) / 2);
    if (await canRead(device, middle - 1)) inside = middle;
    else outside = middle;
  }
  return inside;
}

/** Whether there is a byte at `position`. Some systems answer EINVAL or ENXIO past the end instead of nothing. */
function canRead({ fs, fd, label }: Descriptor, position: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    fs.read(fd, new Uint8Array(1), 0, 1, position, (error: HostError | null, count: number) => {
      if (!error) resolve(count === 1);
      else if (error.code === "EINVAL" || error.code === "ENXIO") resolve(false);
      else reject(hostError("find the end of", label, error, { offset: position, length: 1 }));
    });
  });
}

// The encoding of Linux: twelve bits of the major number lie below, the rest above.
function major(rdev: bigint): bigint {
  return ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
}

function minor(rdev: bigint): bigint {
  return (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
}
