// Owns finding and running the programs that the bench needs beside Node.
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Whether a program is on the PATH. */
export function hasTool(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a program to its end; rejects with its stderr when it fails. */
export async function run(file, args, env = {}) {
  const path = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`;
  return execute(file, args, { env: { ...process.env, PATH: path, ...env } });
}
