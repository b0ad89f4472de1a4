// `-o cluster_size=4K,compat=0.10`: the options of a new image as qemu-img has them. Owns their names, and what each of them
// is among the flags here.

import { string } from "@oclif/core/flags";
import type { OptionFlag } from "@oclif/core/interfaces";
import { CommandError } from "@qcow/cli-kit";

/** The flag with the same values. */
const WITH_VALUE: Readonly<Record<string, string>> = {
  backing_file: "backing-file",
  backing_fmt: "backing-format",
  cluster_size: "cluster-size",
  compat: "compat",
  compression_type: "compression-type",
  data_file: "data-file",
  preallocation: "preallocation",
  refcount_bits: "refcount-bits",
  size: "size",
};

/** What `on` and `off` are. */
const SWITCHES: Readonly<
  Record<string, { readonly on: readonly string[]; readonly off: readonly string[] }>
> = {
  data_file_raw: { on: ["--data-file-raw"], off: [] },
  extended_l2: { on: ["--extended-l2"], off: [] },
  lazy_refcounts: { on: [], off: ["--strict-refcounts"] },
};

const VERSIONS: Readonly<Record<string, string>> = { v2: "0.10", v3: "1.1" };

/** `-o` itself, for the help, and for options that are not known. */
export const QEMU_IMG_OPTIONS: OptionFlag<string | undefined> = string({
  char: "o",
  helpValue: "NAME=VALUE,…",
  description: "The same options by the names that qemu-img has for them.",
  parse: async (input) => {
    throw new CommandError("CLI_USAGE", `${input} is no option of a new image here`, {
      hint: `There are: ${[...Object.keys(WITH_VALUE), ...Object.keys(SWITCHES)].join(", ")}.`,
    });
  },
});

/** `argv` with flags in place of each `-o` that they are another name for. */
export function withoutQemuImgOptions(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    const list = argv[index + 1];
    if (word === "--") return [...words, ...argv.slice(index)];
    if (word !== "-o" || list === undefined) words.push(word);
    else {
      words.push(...optionsOf(list).flatMap(flagsFor));
      index++;
    }
  }
  return words;
}

/** The parts between commas; two commas in a row are one of a value. */
function optionsOf(list: string): string[] {
  return list
    .replaceAll(",,", "\0")
    .split(",")
    .map((option) => option.replaceAll("\0", ","));
}

function flagsFor(option: string): readonly string[] {
  const [name = "", ...rest] = option.split("=");
  const value = rest.join("=");
  const flag = Object.hasOwn(WITH_VALUE, name) ? WITH_VALUE[name] : undefined;
  if (flag !== undefined && rest.length > 0)
    return [`--${flag}=${name === "compat" ? (VERSIONS[value] ?? value) : value}`];
  const choice = Object.hasOwn(SWITCHES, name) ? SWITCHES[name] : undefined;
  if (choice !== undefined && /^(on|yes|true|y)$/.test(value)) return choice.on;
  if (choice !== undefined && /^(off|no|false|n)$/.test(value)) return choice.off;
  return ["-o", option];
}
