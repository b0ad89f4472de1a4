// Whether an address is a block device, whose length nobody can change. Owns the one question that backends do not answer.

import { statSync } from "node:fs";
import { parseAddress } from "@qcow/cli-kit";

export function isBlockDevice(address: string): boolean {
  const { scheme, location } = parseAddress(address);
  if (scheme !== "file") return false;
  return statSync(location).isBlockDevice();
}
