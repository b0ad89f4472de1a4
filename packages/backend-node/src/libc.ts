// The system calls that node:fs lacks, through koffi, which is an optional dependency: where it is missing, or
// the platform is another, there are none. Owns the binding; what the calls are used for is others' business.

import type { HostError } from "./file-system.js";

/** Linux's calls on an open descriptor. All reject or throw with a `HostError` whose `code` is the errno's name. */
export interface Libc {
  /** fcntl(F_OFD_SETLK) with F_RDLCK on one byte: never waits. The lock goes with the descriptor. */
  lockByte(fd: number, byte: number): Promise<void>;
  /** fcntl(F_OFD_GETLK) for F_WRLCK: whether any other open file holds a lock on that byte. */
  isByteLocked(fd: number, byte: number): Promise<boolean>;
  /** fallocate(2). */
  fallocate(fd: number, mode: number, offset: number, length: number): Promise<void>;
  /** lseek(2), at once: it costs a tenth of a turn through the thread pool, and asks only what the host knows. */
  seek(fd: number, offset: number, whence: number): number;
  /**
   * preadv2(RWF_NOWAIT), at once: how many bytes were in memory, 0 when the read would wait or fails; `"never"` when
   * this file cannot be read so.
   */
  readCached(fd: number, target: Uint8Array, offset: number): number | "never";
  /** preadv(2), at once: how many bytes were read, 0 also when it fails. Waits for as long as the host does. */
  readNow(fd: number, target: Uint8Array, offset: number): number;
  /** Whether a file is in a file system that has nothing but memory (tmpfs, ramfs); false when it cannot be told. */
  isInMemory(fd: number): boolean;
  /** fcntl(F_SETPIPE_SZ): room for so many bytes between the two ends of a pipe, if the host likes. */
  widenPipe(fd: number, bytes: number): void;
}

/** Those for which the declarations below are right; there are others, but nobody has looked. */
const ARCHITECTURES = ["x64", "arm64"];

// Numbers of Linux, the same on both architectures and both C libraries.
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const F_SETPIPE_SZ = 1031;
const RWF_NOWAIT = 8;
/** `f_type` of the file systems that are memory. */
const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6];
/** More than any `struct statfs` has; `f_type` is its first long. */
const STATFS_BYTES_MAX = 256;
/** How a host, or a file system, says that it has no such reads. */
const NO_CACHED_READS = new Set(["ENOSYS", "EOPNOTSUPP", "EINVAL"]);

interface Flock {
  l_type: number;
  readonly l_whence: number;
  readonly l_start: number;
  readonly l_len: number;
  readonly l_pid: number;
}

type Callback<T> = (error: Error | null, result: T) => void;

let loading: Promise<Libc | undefined> | undefined;

/** The calls of this host, loaded once; undefined where there are none. */
export function loadLibc(): Promise<Libc | undefined> {
  loading ??= bind().catch(() => undefined);
  return loading;
}

async function bind(): Promise<Libc | undefined> {
  if (process.platform !== "linux" || !ARCHITECTURES.includes(process.arch)) return undefined;
  const { default: koffi } = await import("koffi");
  // Node.js itself is linked to the C library, whichever that is.
  const libc = koffi.load(null);
  const flock = koffi.struct({
    l_type: "int16",
    l_whence: "int16",
    l_start: "int64",
    l_len: "int64",
    l_pid: "int32",
  });
  const fcntl = libc.func("fcntl", "int", ["int", "int", koffi.inout(koffi.pointer(flock))]);
  const fcntlNumber = libc.func("fcntl", "int", ["int", "int", "int"]);
  const fallocate = libc.func("fallocate", "int", ["int", "int", "int64", "int64"]);
  const lseek = libc.func("lseek", "int64", ["int", "int64", "int"]);
  const preadv2 = libc.func("preadv2", "int64", ["int", "void *", "int", "int64", "int"]);
  const fstatfs = libc.func("fstatfs", "int", ["int", "void *"]);

  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));
  // Whoever calls this has just got the result: koffi keeps each call's errno until its callback has run.
  const failure = (call: string): HostError => {
    const number = koffi.errno();
    const code = names.get(number) ?? `errno ${number}`;
    return Object.assign(new Error(`${code}: ${call}`), { code });
  };
  const pooled = (name: string, call: (callback: Callback<number>) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      call((error, result) => {
        if (error !== null) reject(error);
        else if (result === -1) reject(failure(name));
        else resolve();
      });
    });
  const withFlock = async (fd: number, command: number, lock: Flock): Promise<Flock> => {
    await pooled("fcntl", (callback) => fcntl.async(fd, command, lock, callback));
    return lock;
  };
  // A `struct iovec` of our own: to have it made anew from an object takes longer than many a read.
  const iovec = new BigUint64Array(2);
  const read = (fd: number, target: Uint8Array, offset: number, flags: number): number => {
    iovec[0] = koffi.address(target);
    iovec[1] = BigInt(target.length);
    return Number(preadv2(fd, iovec, 1, offset, flags));
  };
  return {
    async lockByte(fd, byte) {
      await withFlock(fd, F_OFD_SETLK, oneByte(F_RDLCK, byte));
    },
    async isByteLocked(fd, byte) {
      const found = await withFlock(fd, F_OFD_GETLK, oneByte(F_WRLCK, byte));
      return found.l_type !== F_UNLCK;
    },
    fallocate: (fd, mode, offset, length) =>
      pooled("fallocate", (callback) => fallocate.async(fd, mode, offset, length, callback)),
    seek(fd, offset, whence) {
      const position = Number(lseek(fd, offset, whence));
      if (position === -1) throw failure("lseek");
      return position;
    },
    readCached(fd, target, offset) {
      const count = read(fd, target, offset, RWF_NOWAIT);
      if (count !== -1) return count;
      return NO_CACHED_READS.has(names.get(koffi.errno()) ?? "") ? "never" : 0;
    },
    readNow: (fd, target, offset) => Math.max(0, read(fd, target, offset, 0)),
    isInMemory(fd) {
      const found = new Uint8Array(STATFS_BYTES_MAX);
      return fstatfs(fd, found) === 0 && MEMORY_FILE_SYSTEMS.includes(new Uint32Array(found.buffer)[0] ?? 0);
    },
    widenPipe: (fd, bytes) => void fcntlNumber(fd, F_SETPIPE_SZ, bytes),
  };
}

/** The part of a `struct flock` that is asked for; SEEK_SET is 0, and these locks want no process. */
function oneByte(type: number, byte: number): Flock {
  return { l_type: type, l_whence: 0, l_start: byte, l_len: 1, l_pid: 0 };
}
