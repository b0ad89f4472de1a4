// What users of qcow-tool write whatever the command is: help, mistakes, sizes, progress.

import type { Section } from "../row.js";

const SIZE_OF_NEW = (bytes: string): string => `[ "$(qcow-tool info new.qcow2 --filter .size)" = ${bytes} ]`;

export const PROGRAM: Section = {
  title: "The program",
  rows: [
    {
      line: "qcow-tool",
      does: "What commands there are, on stdout.",
      differs: "no pager.",
      stdout: /COMMANDS[\s\S]*mapped/,
    },
    { line: "qcow-tool --help", does: "The same.", stdout: /COMMANDS/ },
    { line: "qcow-tool info --help", does: "The manual of one command.", stdout: /USAGE[\s\S]*--filter/ },
    {
      line: "qcow-tool --version",
      does: "The version of this program.",
      differs: "qcow-tool always said `1.0.0`.",
      stdout: /^qcow\/[0-9]/,
    },
    {
      line: "qcow-tool info",
      does: "Exit code 64: the image is missing.",
      differs:
        "qcow-tool took `test.qcow2`, `test.raw`, `dehydrated` or `output.qcow2` where no name was given. A name that nobody gave is never read or overwritten here.",
      exit: 64,
      stderr: /missing argument: IMAGE/,
    },
    {
      line: "qcow-tool info nowhere.qcow2",
      does: "Exit code 1, one line on stderr.",
      differs: "0.14 ends with 124 here; 0.11 with 1, as we do.",
      exit: 1,
      stdout: "",
      stderr: /^qcow: .*nowhere.qcow2.* \(BACKEND_NOT_FOUND\)\n/,
    },
    {
      line: "qcow-tool info disk.qcow2 --nope",
      does: "Exit code 64, one line on stderr.",
      differs: "0.11 ends with 1 and 0.14 with 124; 64 tells a wrong command line from all else.",
      exit: 64,
      stderr: /--nope/,
    },
    {
      line: "qcow-tool create new.qcow2 --strict --siz=1MiB",
      does: "An option may be cut short where it stays the only one, and its value may follow `=`.",
      proof: SIZE_OF_NEW("1048576"),
    },
    {
      line: "qcow-tool compact holes.qcow2 --progress-f 3 3> lines",
      does: '`{ "progress": 42 }` on the descriptor, a line for each change, 100 once at the end.',
      proof: "grep -qvxE '[{] \"progress\": [0-9]+ [}]' lines && exit 1; [ $(grep -c 100 lines) = 1 ]",
    },
    {
      line: "qcow-tool compact holes.qcow2 --progress --progress-fd 3 3> lines",
      does: "The descriptor wins over the bar.",
      stderr: "",
      proof: "grep -q '\"progress\": 100' lines",
    },
    {
      line: "qcow-tool compact holes.qcow2 --progress",
      does: "A bar.",
      differs:
        "it is on stderr, so stdout has the result alone, and it has no NUL bytes. All commands that may take long have it.",
      stdout: /^The file is now [0-9]+ MiB smaller\.\n$/,
      stderr: /100%/,
    },
    {
      line: "qcow-tool sha enc.qcow2 --debug",
      does: "The same result.",
      differs:
        "`--debug` adds the stacks of errors, not a log; there is no chatter on stderr that it could add to.",
      stdout: /^[0-9a-f]{40}\n$/,
      stderr: "",
    },
    {
      line: "qcow-tool read disk.qcow2 --trace > /dev/null",
      does: "A line on stderr for each access to the file: `BLOCK.read 0 len = 65536`.",
      differs: "offsets are in bytes, not in sectors; every command has `--trace`.",
      stderr: /^BLOCK\.read 0 len = [0-9]+$/m,
    },
  ],
};

const size = (text: string, bytes: string, does: string) => ({
  line: `qcow-tool create new.qcow2 --size ${text}`,
  does,
  proof: SIZE_OF_NEW(bytes),
});

export const SIZES: Section = {
  title: "Sizes and numbers",
  text: "Numbers are those of OCaml. Units may also be in lower case and without `iB`, and take fractions (`1.5G`), as qemu-img's do.",
  rows: [
    size("1048576", "1048576", "Bytes."),
    size("512KiB", "524288", "KiB."),
    size("3MiB", "3145728", "MiB."),
    size("2GiB", "2147483648", "GiB."),
    size("5TiB", "5497558138880", "TiB."),
    size("1PiB", "1125899906842624", "PiB."),
    size("1_048_576", "1048576", "Digits may be grouped."),
    size("0x100000", "1048576", "Hexadecimal; so `0o` and `0b`."),
    size("0x400KiB", "1048576", "A unit may follow."),
    {
      ...size("1000", "1024", "A disk of 1024 bytes."),
      differs: "sizes are rounded up to whole sectors; qcow-tool left a disk whose end nobody could read.",
    },
    {
      ...size("0", "0", "A disk without sectors."),
      differs: "qcow-tool failed.",
    },
    {
      line: "qcow-tool create new.qcow2 --size 1GB",
      does: "Exit code 64: `invalid size: 1GB`.",
      exit: 64,
      stderr: /invalid size: 1GB/,
      proof: "[ ! -e new.qcow2 ]",
    },
    {
      line: "qcow-tool create new.qcow2 --size 20000PiB",
      does: "Exit code 64.",
      differs: "qcow-tool took what was left of the number after it had overflown.",
      exit: 64,
      stderr: /invalid size/,
    },
    {
      line: "qcow-tool read disk.qcow2 --sector 0x100000 | head -c 5",
      does: "Sectors are such numbers too.",
      stdout: "there",
    },
  ],
};
