// Which file descriptors `--progress-fd` accepts: those that the process was started with and that can be
// written to. Owns the judgement. It is made while the command line is read, before a file is opened: any
// number that is open then and none of Node.js's own was inherited, and stays what it is.

import { fstatSync, readdirSync, readFileSync, type Stats, writeSync } from "node:fs";
import { CommandError } from "./command-error.js";

const DESCRIPTOR_MAX = 2 ** 31 - 1;
const DESCRIPTORS = "/proc/self/fd";

/**
 * Reads the value of `--progress-fd`. Without /proc, the pipes that Node.js makes for itself cannot be told
 * from inherited ones; its other descriptors can.
 *
 * @throws CommandError `CLI_USAGE` when it is no number, or not that of an inherited descriptor open for writing.
 */
export function parseProgressDescriptor(input: string): number {
  if (!/^[0-9]+$/.test(input)) throw new CommandError("CLI_USAGE", `no descriptor: ${input}`);
  const fd = Number(input);
  if (fd > DESCRIPTOR_MAX || !isInheritedForWriting(fd)) {
    throw new CommandError("CLI_USAGE", `${input} is no inherited descriptor open for writing`);
  }
  return fd;
}

function isInheritedForWriting(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    const isStream = stats.isFile() || stats.isFIFO() || stats.isSocket() || stats.isCharacterDevice();
    return isStream && !(stats.isFIFO() && isOwnPipe(fd, stats)) && isWritable(fd);
  } catch {
    return false;
  }
}

/** Tries it with nothing. A full disk or a reader that has gone is no wrong usage; progress ends at its first line. */
function isWritable(fd: number): boolean {
  try {
    writeSync(fd, new Uint8Array(0));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EBADF";
  }
}

/**
 * Whether the other end of the pipe is in this process too. So it is with the pipes by which Node.js wakes
 * itself up; nobody else could read progress from such a one.
 */
function isOwnPipe(fd: number, { dev, ino }: Stats): boolean {
  return openDescriptors().some((other) => {
    if (other === fd || !isReadOnly(other)) return false;
    const stats = fstatSync(other);
    return stats.dev === dev && stats.ino === ino;
  });
}

function openDescriptors(): number[] {
  try {
    return readdirSync(DESCRIPTORS).map(Number);
  } catch {
    return [];
  }
}

/** False for a descriptor that is closed meanwhile, as that of the listing itself is. */
function isReadOnly(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & 3) === 0;
  } catch {
    return false;
  }
}
