// Locks on images, as QEMU takes them (block/file-posix.c): shared byte-range locks whose places say what their
// holder does and what it lets others do. Owns the protocol; the system calls are libc's. Never waits.

import { BackendError } from "@qcow/block";
import type { HostError } from "./file-system.js";
import { hostError } from "./host-error.js";
import type { Libc } from "./libc.js";
import type { Descriptor } from "./positional-io.js";

/**
 * `exclusive`: we write, and let nobody else write; readers that do not mind may stay. `shared`: we read, and let
 * others do what they like, writing included.
 */
export type LockKind = "exclusive" | "shared";

/** What became of the lock: not asked for; held until the backend is closed; not to be had on this host. */
export type LockState = "none" | "held" | "unavailable";

/** QEMU's permissions, as bit numbers; each has a byte for those who hold it, and one for those who do not share it. */
const CONSISTENT_READ = 0;
const WRITE = 1;
const RESIZE = 3;
const HOLDER_BASE = 100;
const EXCLUDER_BASE = 200;

const PLANS = {
  exclusive: { held: [CONSISTENT_READ, WRITE, RESIZE], unshared: [WRITE, RESIZE] },
  shared: { held: [CONSISTENT_READ], unshared: [] },
} as const;

/** Answers of hosts and file systems that have no such locks. */
const NO_LOCKS = ["ENOLCK", "EINVAL", "ENOSYS", "EOPNOTSUPP"];
/** Answers when another kind of lock, not of this protocol, lies on the byte. */
const FOREIGN_LOCK = ["EAGAIN", "EACCES"];

/** Takes the lock, which ends when the descriptor is closed. Rejects with `BACKEND_LOCKED` when others are in the way. */
export async function takeLock(libc: Libc | undefined, file: Descriptor, kind: LockKind): Promise<LockState> {
  if (libc === undefined) return "unavailable";
  try {
    await announce(libc, file, kind);
    await checkOthers(libc, file, kind);
    return "held";
  } catch (error) {
    if (error instanceof BackendError) throw error;
    const cause = error as HostError;
    if (NO_LOCKS.includes(cause.code ?? "")) return "unavailable";
    if (FOREIGN_LOCK.includes(cause.code ?? "")) throw locked(file, "has locked it", cause);
    throw hostError("lock", file.label, cause);
  }
}

/** First say what we do, then look: of two that come at once, at least one sees the other. */
async function announce(libc: Libc, { fd }: Descriptor, kind: LockKind): Promise<void> {
  const { held, unshared } = PLANS[kind];
  for (const bit of held) await libc.lockByte(fd, HOLDER_BASE + bit);
  for (const bit of unshared) await libc.lockByte(fd, EXCLUDER_BASE + bit);
}

async function checkOthers(libc: Libc, file: Descriptor, kind: LockKind): Promise<void> {
  const { held, unshared } = PLANS[kind];
  for (const bit of unshared) {
    if (await libc.isByteLocked(file.fd, HOLDER_BASE + bit)) throw locked(file, "is writing to it");
  }
  for (const bit of held) {
    const others = bit === CONSISTENT_READ ? "read" : "write to";
    if (await libc.isByteLocked(file.fd, EXCLUDER_BASE + bit))
      throw locked(file, `has it open and lets nobody else ${others} it`);
  }
}

function locked({ label }: Descriptor, what: string, cause?: HostError): BackendError {
  const message = `cannot open ${label}: another program (a virtual machine, qemu-nbd, another qcow) ${what}; close it there, or wait until it has finished`;
  return new BackendError("BACKEND_LOCKED", message, { label, cause });
}
