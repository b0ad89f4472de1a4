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

/** Runs a program to its end, in the folder `cwd`; rejects with its stderr when it fails. */
export async function run(file, args, env = {}, cwd = undefined) {
  const path = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`;
  return execute(file, args, {
    cwd,
    env: { ...process.env, PATH: path, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
}
