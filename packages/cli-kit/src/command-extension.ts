// Flags that plugins add to commands, and the watching of runs that these ask for. Owns the oclif hook `qcow:extensions`
// (docs/writing-a-plugin.md) and which extensions a command has; run-watch.ts says what can be watched.

import type { Config, FlagInput } from "@oclif/core/interfaces";
import type { RunContext, RunWatch } from "./run-watch.js";

/** What a plugin adds to commands. */
export interface CommandExtension {
  /** The flags that it adds to the command with this id, as oclif defines them; none for commands that it leaves alone. */
  flags(command: string): FlagInput;
  /**
   * The command line was parsed, and the command is about to run. Returns nothing when the flags ask for nothing. Throw
   * `CommandError` for values that make no sense; the command does not run then.
   */
  begin?(context: RunContext): Promise<RunWatch | undefined> | RunWatch | undefined;
}

/** What a plugin's `qcow:extensions` hook is given. */
export interface ExtensionHookOptions {
  readonly addExtension: (extension: CommandExtension) => void;
}

/** The extensions of all plugins, and the plugins that failed to say theirs. */
export interface Extensions {
  readonly all: readonly CommandExtension[];
  readonly failures: readonly { readonly plugin: string; readonly error: Error }[];
}

const NONE: Extensions = { all: [], failures: [] };
const known = new WeakMap<object, Promise<Extensions>>();

/** Asks the plugins of `config`, once. */
export function loadExtensions(config: Pick<Config, "plugins" | "runHook">): Promise<Extensions> {
  if (config.plugins.size === 0) return Promise.resolve(NONE);
  const loaded = known.get(config) ?? askPlugins(config);
  known.set(config, loaded);
  return loaded;
}

async function askPlugins(config: Pick<Config, "runHook">): Promise<Extensions> {
  const all: CommandExtension[] = [];
  const addExtension = (extension: CommandExtension): void => {
    all.push(extension);
  };
  const ran = await config.runHook("qcow:extensions", { addExtension });
  return { all, failures: ran.failures.map(({ plugin, error }) => ({ plugin: plugin.name, error })) };
}

/** The flags that `extensions` add to `command`, which has `own` ones already: those stay as they are. */
export function extensionFlags(
  extensions: readonly CommandExtension[],
  command: string,
  own: Readonly<Record<string, unknown>>,
): FlagInput {
  const added: FlagInput = {};
  for (const extension of extensions) {
    for (const [name, flag] of Object.entries(extension.flags(command)))
      if (!Object.hasOwn(own, name)) added[name] ??= { ...flag, name };
  }
  return added;
}

/** Has oclif's help and completion know the flags of all extensions. */
export async function describeExtensions(config: Config): Promise<void> {
  const { all } = await loadExtensions(config);
  if (all.length === 0) return;
  for (const command of config.commands) {
    if (command.takesExtensions !== true) continue;
    Object.assign(command.flags, extensionFlags(all, command.id, command.flags));
  }
}
