// What a failure is called in the protocol. Owns the choice; messages never go to clients, since they may have paths of
// the server in them.

import { isBackendError } from "@qcow/block";
import { isEngineError } from "@qcow/engine";
import { ErrorNumber } from "../protocol/error-number.js";

const NO_SPACE = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const CAUSES_MAX = 8;

export function errorNumberOf(error: unknown): ErrorNumber {
  if (isBackendError(error, "BACKEND_READ_ONLY", "BACKEND_PERMISSION")) return ErrorNumber.EPERM;
  if (isEngineError(error, "QCOW2_OUT_OF_RANGE")) return ErrorNumber.EINVAL;
  if (isEngineError(error, "QCOW2_IMAGE_TOO_LARGE")) return ErrorNumber.ENOSPC;
  if (isEngineError(error, "QCOW2_CLOSED")) return ErrorNumber.ESHUTDOWN;
  return saysNoSpace(error) ? ErrorNumber.ENOSPC : ErrorNumber.EIO;
}

function saysNoSpace(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && NO_SPACE.has(code)) return true;
    at = at.cause;
  }
  return false;
}
