// The short way to one of qcow's own commands: no plugins are looked for, no manifest is read. Owns the
// list of commands and the configuration that they get. Bundled with everything it imports into
// dist/direct.cjs, because start-up is mostly the loading of many small files; bin/run.js tells when
// this way may be taken. The commands are the same classes that main.ts reaches through oclif.

import { arch, homedir, platform } from "node:os";
import { Config } from "@oclif/core/config";

type CommandModule = {
  readonly default: { runLoaded(argv: string[], config: Config): Promise<unknown> };
};

export const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  check: () => import("./commands/check.js"),
  compact: () => import("./commands/compact.js"),
  create: () => import("./commands/create.js"),
  decode: () => import("./commands/decode.js"),
  discard: () => import("./commands/discard.js"),
  encode: () => import("./commands/encode.js"),
  info: () => import("./commands/info.js"),
  map: () => import("./commands/map.js"),
  mapped: () => import("./commands/mapped.js"),
  pattern: () => import("./commands/pattern.js"),
  read: () => import("./commands/read.js"),
  repair: () => import("./commands/repair.js"),
  resize: () => import("./commands/resize.js"),
  serve: () => import("./commands/serve.js"),
  sha: () => import("./commands/sha.js"),
  "stream-decode": () => import("./commands/stream-decode.js"),
  stream_decode: () => import("./commands/stream-decode.js"),
  write: () => import("./commands/write.js"),
};

/** Commands that may read from a server. */
const READING: readonly string[] = ["check", "decode", "info", "map", "mapped", "read", "serve", "sha"];

/** What package.json says about the program. */
export interface ProgramFacts {
  readonly root: string;
  readonly name: string;
  readonly version: string;
}

/** Runs the command `name`; sets `process.exitCode`. */
export async function runDirect(name: string, argv: string[], program: ProgramFacts): Promise<void> {
  const load = COMMANDS[name];
  if (load === undefined) throw new TypeError(`no direct command: ${name}`);
  if (READING.includes(name)) {
    // The connection and the rest of the program take their time, and need not wait for each other.
    const { connectAhead } = await import("@qcow/cli-kit/early-connections");
    await connectAhead(argv, process.env);
  }
  const { default: command } = await load();
  await command.runLoaded(argv, directConfig(program));
}

/** A configuration as oclif would load it, less what only plugins, help and updates use. */
function directConfig({ root, name, version }: ProgramFacts): Config {
  const config = new Config({ root });
  const pjson = { name, version, oclif: {} };
  return Object.assign(config, {
    arch: arch(),
    bin: name,
    home: homedir(),
    name,
    pjson,
    platform: platform(),
    root,
    rootPlugin: { name, root, pjson, hooks: {} },
    userAgent: `${name}/${version} ${platform()}-${arch()} node-${process.version}`,
    version,
    windows: platform() === "win32",
  });
}
