// Turns errors of the host into BackendError: one line that says what, which file and why. Owns the
// table of errno names; decides nothing about retrying.

import { BackendError, type BackendErrorCode } from "@qcow/block";
import type { HostError } from "./file-system.js";

const KNOWN: Readonly<Record<string, readonly [BackendErrorCode, string]>> = {
  ENOENT: ["BACKEND_NOT_FOUND", "no such file or directory"],
  ENOTDIR: ["BACKEND_NOT_FOUND", "a part of the path is not a directory"],
  EACCES: ["BACKEND_PERMISSION", "permission denied"],
  EPERM: ["BACKEND_PERMISSION", "operation not permitted"],
  EROFS: ["BACKEND_PERMISSION", "read-only file system"],
  EEXIST: ["BACKEND_EXISTS", "file exists"],
  EISDIR: ["BACKEND_UNSUITABLE", "is a directory"],
  ENXIO: ["BACKEND_UNSUITABLE", "no such device"],
  ENODEV: ["BACKEND_UNSUITABLE", "no such device"],
  ELOOP: ["BACKEND_IO", "too many symbolic links"],
  ENAMETOOLONG: ["BACKEND_IO", "file name too long"],
  ENOSPC: ["BACKEND_IO", "no space left on device"],
  EDQUOT: ["BACKEND_IO", "disk quota exceeded"],
  EFBIG: ["BACKEND_IO", "file too large for the file system"],
  EIO: ["BACKEND_IO", "input/output error"],
  EMFILE: ["BACKEND_IO", "too many open files"],
  ENFILE: ["BACKEND_IO", "too many open files in the system"],
  EOPNOTSUPP: ["BACKEND_UNSUPPORTED", "the file system or device cannot do that"],
  ENOSYS: ["BACKEND_UNSUPPORTED", "the system cannot do that"],
  // What node:fs says of a path with a zero byte in it, which no file can have.
  ERR_INVALID_ARG_VALUE: ["BACKEND_NOT_FOUND", "not a valid path"],
};

/** Where a host error happened: the byte range, as far as there is one. */
export interface HostErrorPlace {
  readonly offset?: number;
  readonly length?: number;
}

/** `cause` as the BackendError that says that `action` ("open", "read") on the file `label` failed. */
export function hostError(
  action: string,
  label: string,
  cause: HostError,
  place: HostErrorPlace = {},
): BackendError {
  const [code, reason] = KNOWN[cause.code ?? ""] ?? ["BACKEND_IO", cause.code ?? cause.message];
  return new BackendError(code, `cannot ${action} ${label}: ${reason}`, {
    label,
    cause,
    ...place,
  });
}
