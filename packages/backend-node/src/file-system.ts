// The part of node:fs that this package uses, as a type: anything with these functions serves (memfs
// in tests). Owns no behaviour. Callbacks, because positional callback I/O is node:fs's fastest form.

/** The error that node:fs hands to callbacks. */
export interface HostError extends Error {
  readonly code?: string | undefined;
}

/** What of a stat result is looked at. */
export interface FileStats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  isFile(): boolean;
  isBlockDevice(): boolean;
  isDirectory(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isCharacterDevice(): boolean;
}

/** A callback of an operation without a result. */
export type Done = (error: HostError | null) => void;
/** A callback of an operation that results in `value`, which has no meaning where there is an error. */
export type DoneWith<T> = (error: HostError | null, value: T) => void;

export interface FileSystem {
  readonly constants: {
    readonly O_RDONLY: number;
    readonly O_RDWR: number;
    readonly O_CREAT: number;
    readonly O_EXCL: number;
    /** Absent on Windows. */
    readonly O_NONBLOCK?: number | undefined;
  };
  stat(path: string, options: { readonly bigint: true }, callback: DoneWith<FileStats>): void;
  open(path: string, flags: number, mode: number, callback: DoneWith<number>): void;
  fstat(fd: number, options: { readonly bigint: true }, callback: DoneWith<FileStats>): void;
  read(
    fd: number,
    buffer: Uint8Array,
    start: number,
    length: number,
    position: number,
    callback: DoneWith<number>,
  ): void;
  write(
    fd: number,
    buffer: Uint8Array,
    start: number,
    length: number,
    position: number,
    callback: DoneWith<number>,
  ): void;
  /** Without it, all writes go through the thread pool. */
  readonly writeSync?:
    | ((fd: number, buffer: Uint8Array, start: number, length: number, position: number) => number)
    | undefined;
  ftruncate(fd: number, length: number, callback: Done): void;
  fdatasync(fd: number, callback: Done): void;
  close(fd: number, callback: Done): void;
  /** Only for the size of a block device, which is searched where this fails. */
  readFile(path: string, encoding: "latin1", callback: DoneWith<string>): void;
}
