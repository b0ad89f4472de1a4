// Whether an address is a block device, whose length nobody can change. Owns the one question that backends do not answer.

import { stat } from "node:fs/promises";
import { parseAddress } from "@qcow/cli-kit";

export async function isBlockDevice(address: string): Promise<boolean> {
  const { scheme, location } = parseAddress(address);
  if (scheme !== "file") return false;
  return (await stat(location)).isBlockDevice();
}
