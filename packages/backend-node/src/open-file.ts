// Opens files and block devices. Owns the order of the checks: what is no block storage is refused
// before it is opened (opening a fifo blocks), and again after, in case it was swapped in between.

import * as nodeFs from "node:fs";
import { type BlockBackend, type IoOptions, isBackendError, type ReadableBlockBackend } from "@qcow/block";
import { checkKind, identityOf } from "./file-kind.js";
import type { FileStats, FileSystem, HostError } from "./file-system.js";
import { hostError } from "./host-error.js";
import { type LockKind, takeLock } from "./image-lock.js";
import { type Libc, loadLibc } from "./libc.js";
import { type HostFile, NodeFileBackend, NodeFileReader, type OpenedFile } from "./node-file-backend.js";

/** Readable and writable for all, less the process's umask: what files get by default. */
const NEW_FILE_MODE = 0o666;

export interface OpenFileOptions extends IoOptions {
  /** What stands in for node:fs; nothing then has a lock, or knows of holes. */
  readonly fs?: FileSystem | undefined;
  /**
   * Finds and makes holes, and reserves space, where the host can: `nextData`, `discard` and `allocate` are there.
   * Loads koffi for that, as `lock` does; either of the two brings all of it.
   */
  readonly sparse?: boolean | undefined;
  /**
   * Bytes of the longest read or write that is done at once, not by the thread pool; reads only of what the host has in
   * memory, and where `sparse` or `lock` is asked for. By default 128 KiB for reads and 64 KiB for writes. More is faster,
   * and for programs in which nobody else waits meanwhile.
   */
  readonly atOnceBytes?: number | undefined;
}

export interface OpenReadableOptions extends OpenFileOptions {
  /** Lets others read and write, but respects those who let nobody read. */
  readonly lock?: "shared" | undefined;
}

export interface OpenWritableOptions extends OpenFileOptions {
  /** Keeps other writers out, QEMU's included. */
  readonly lock?: "exclusive" | undefined;
  /** Makes the file when there is none. */
  readonly create?: boolean | undefined;
  /** Empties the file. Does nothing to a block device. */
  readonly truncate?: boolean | undefined;
  /** Makes the file, and rejects with `BACKEND_EXISTS` when there is anything at `path`. */
  readonly exclusive?: boolean | undefined;
}

/**
 * Opens a file or block device for reading; nothing about it is changed. `path` becomes the label. Rejects with
 * `BACKEND_NOT_FOUND`, `BACKEND_PERMISSION`, `BACKEND_UNSUITABLE` (a directory, fifo, socket or character
 * device), `BACKEND_LOCKED` (only with `lock`, and at once) or `BACKEND_IO`.
 */
export async function openReadable(
  path: string,
  options: OpenReadableOptions = {},
): Promise<ReadableBlockBackend & HostFile> {
  const fs = options.fs ?? nodeFs;
  options.signal?.throwIfAborted();
  checkKind(await stat(fs, path), path);
  return new NodeFileReader(await openChecked(fs, path, fs.constants.O_RDONLY, options));
}

/**
 * Opens a file or block device for reading and writing. Rejects as `openReadable` does, and with
 * `BACKEND_EXISTS`. A file that somebody else holds is not truncated.
 */
export async function openWritable(
  path: string,
  options: OpenWritableOptions = {},
): Promise<BlockBackend & HostFile> {
  const fs = options.fs ?? nodeFs;
  options.signal?.throwIfAborted();
  await checkBeforeWriting(fs, path, options);
  const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  const create = options.create || options.exclusive ? O_CREAT : 0;
  const backend = new NodeFileBackend(
    await openChecked(fs, path, O_RDWR | create | (options.exclusive ? O_EXCL : 0), options),
  );
  // Only now, not with O_TRUNC: what was opened is known to be a file.
  if (options.truncate) await truncate(backend);
  return backend;
}

async function checkBeforeWriting(fs: FileSystem, path: string, options: OpenWritableOptions): Promise<void> {
  // With O_EXCL nothing that exists is ever opened.
  if (options.exclusive) return;
  try {
    checkKind(await stat(fs, path), path);
  } catch (error) {
    if (options.create && isBackendError(error, "BACKEND_NOT_FOUND")) return;
    throw error;
  }
}

async function truncate(backend: NodeFileBackend): Promise<void> {
  try {
    if (!backend.isDevice) await backend.resize(0);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function openChecked(
  fs: FileSystem,
  path: string,
  flags: number,
  options: OpenFileOptions & { readonly lock?: LockKind | undefined },
): Promise<OpenedFile> {
  const libc = await libcFor(options);
  // O_NONBLOCK changes nothing for files; a fifo that was swapped in is then refused instead of waited for.
  const fd = await open(fs, path, flags | (fs.constants.O_NONBLOCK ?? 0));
  try {
    const stats = await fstat(fs, fd, path);
    checkKind(stats, path);
    const file = { fs, fd, label: path };
    const lock = options.lock === undefined ? "none" : await takeLock(libc, file, options.lock);
    const { atOnceBytes } = options;
    return {
      ...file,
      identity: identityOf(stats),
      isDevice: stats.isBlockDevice(),
      lock,
      libc,
      atOnceBytes,
    };
  } catch (error) {
    await new Promise<void>((resolve) => fs.close(fd, () => resolve()));
    throw error;
  }
}

/** The host's own calls, when an option needs them: loading takes longer than many a command. */
async function libcFor(options: OpenReadableOptions | OpenWritableOptions): Promise<Libc | undefined> {
  const isNeeded = options.fs === undefined && (options.sparse === true || options.lock !== undefined);
  return isNeeded ? await loadLibc() : undefined;
}

function stat(fs: FileSystem, path: string): Promise<FileStats> {
  return opening(path, (done) => fs.stat(path, { bigint: true }, done));
}

function open(fs: FileSystem, path: string, flags: number): Promise<number> {
  return opening(path, (done) => fs.open(path, flags, NEW_FILE_MODE, done));
}

function fstat(fs: FileSystem, fd: number, path: string): Promise<FileStats> {
  return opening(path, (done) => fs.fstat(fd, { bigint: true }, done));
}

/** Runs one call of the host; it may also throw, as node:fs does for a path with a zero byte. */
function opening<T>(
  path: string,
  call: (done: (error: HostError | null, value: T) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  }).catch((error: HostError) => {
    throw hostError("open", path, error);
  });
}
