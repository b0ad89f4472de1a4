// Owns the format that kernels take as their first file system: a cpio archive, "newc". Knows nothing of what is in it.
const HEADER_BYTES = 110;
const FILE = 0o100000;
const FOLDER = 0o040000;

/**
 * The archive of `entries`: `{ name, bytes, mode }` for files, `{ name }` for folders, which come before what is in them.
 */
export function cpioArchive(entries) {
  const parts = entries.flatMap((entry, index) => record(entry, index + 1));
  return Buffer.concat([...parts, ...record({ name: "TRAILER!!!", bytes: Buffer.alloc(0), mode: 0 }, 0)]);
}

function record({ name, bytes, mode }, inode) {
  const type = bytes === undefined ? FOLDER | 0o755 : FILE | (mode ?? 0o644);
  const size = bytes?.length ?? 0;
  const path = Buffer.from(`${name}\0`);
  // Inode, mode, user, group, links, time, size, four numbers of devices, length of the name, no checksum.
  const numbers = [inode, type, 0, 0, 1, 0, size, 0, 0, 0, 0, path.length, 0];
  const header = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  return [
    Buffer.from(header),
    path,
    padding(HEADER_BYTES + path.length),
    bytes ?? Buffer.alloc(0),
    padding(size),
  ];
}

/** What is missing to a multiple of 4. */
const padding = (length) => Buffer.alloc((4 - (length % 4)) % 4);
