// What users of qcow-tool write to look into images, and to change their contents.

import type { Section } from "../row.js";

export const READ: Section = {
  title: "read, write, mapped, sha",
  rows: [
    { line: "qcow-tool read disk.qcow2 | head -c 5", does: "The first sector, raw.", stdout: "hello" },
    {
      line: "qcow-tool read disk.qcow2 --sector 1048576 --length 2 | wc -c",
      does: "So many sectors, and no newline.",
      stdout: "1024\n",
    },
    {
      line: "qcow-tool read enc.qcow2 --sector 2047 --length 2",
      does: "Exit code 1: past the end of the disk.",
      differs: "qcow-tool looked behind its tables.",
      exit: 1,
      stdout: "",
      stderr: /QCOW2_OUT_OF_RANGE/,
    },
    {
      line: "qcow-tool write enc.qcow2 --sector 8 --text new",
      does: "The text, and zeros to the end of its sector; durable when the command ends.",
      differs: "qcow-tool filled 4096 bytes, over seven sectors that nobody meant, and did not flush.",
      proof:
        "cp disk.raw want.raw; (printf new; head -c 509 /dev/zero) | dd of=want.raw bs=512 seek=8 conv=notrunc status=none; qcow-tool decode enc.qcow2 out.raw && cmp out.raw want.raw",
    },
    {
      line: "qcow-tool write enc.qcow2 --sector 8 --text ''",
      does: "Nothing is written.",
      proof: "qcow-tool decode enc.qcow2 out.raw && cmp out.raw disk.raw",
    },
    {
      line: "qcow-tool write enc.qcow2 --sector 8",
      does: "Exit code 64: say what.",
      differs: "qcow-tool wrote nothing.",
      exit: 64,
      stderr: /--text/,
    },
    {
      line: "qcow-tool write enc.qcow2 --sector 2048 --text new",
      does: "Exit code 1: past the end of the disk.",
      differs: "qcow-tool could overwrite foreign clusters there.",
      exit: 1,
      stderr: /QCOW2_OUT_OF_RANGE/,
    },
    {
      line: "qcow-tool mapped disk.qcow2",
      does: "Where something is stored: hexadecimal, then decimal.",
      differs: "neighbours are one line; qcow-tool began a new one every 32 KiB. The image stays as it is.",
      stdout: "# offset (bytes), length (bytes)\n0 65536\n20000000 65536\n",
    },
    {
      line: "qcow-tool mapped zeroes.qcow2",
      does: "Zeros that are stored are stored.",
      stdout: "# offset (bytes), length (bytes)\n0 131072\n",
    },
    {
      line: "qcow-tool mapped zeroes.qcow2 --ignore-zeroes",
      does: "Reads what is stored, and leaves out zeros.",
      differs: "looked for in pieces of 64 KiB, not of 32.",
      stdout: "# offset (bytes), length (bytes)\n0 65536\n",
    },
    {
      line: "qcow-tool mapped disk.qcow2 --output TEXT",
      does: "In any case of letters.",
      stdout: /^0 65536$/m,
    },
    {
      line: "qcow-tool mapped disk.qcow2 --output json",
      does: "JSON.",
      differs: "qcow-tool took the option, and ignored it.",
      stdout: '[{ "offset": 0, "length": 65536 },\n{ "offset": 536870912, "length": 65536 }]\n',
    },
    {
      line: "qcow-tool mapped disk.qcow2 --output xml",
      does: "Exit code 64: `Unknown output format, expected either 'text' or 'json'`.",
      exit: 64,
      stderr: /Unknown output format, expected either 'text' or 'json'/,
    },
    {
      line: "qcow-tool sha enc.qcow2",
      does: "SHA-1 of the disk, which is that of the decoded file.",
      stdout: /^[0-9a-f]{40}\n$/,
      proof: "[ $(qcow-tool sha enc.qcow2) = $(sha1sum < disk.raw | head -c 40) ]",
    },
    {
      line: "truncate -s -512 enc.qcow2; qcow-tool sha enc.qcow2",
      does: "An image whose last cluster is short.",
      differs: "qcow-tool failed, because it would have had to make the file longer.",
      stdout: /^[0-9a-f]{40}\n$/,
    },
  ],
};

const INTACT = "Qcow file seems intact.\nTotal free blocks: 0\nTotal used blocks: 8\n";

export const CHECK: Section = {
  title: "check, repair",
  rows: [
    {
      line: "qcow-tool check disk.qcow2",
      does: "`Qcow file seems intact.`, and the two counts of clusters.",
      differs:
        "refcounts are verified too; clusters of the header and its tables are counted as used, so both counts make up the file. By the name `qcow`, the words are those of qemu-img.",
      stdout: INTACT,
      stderr: "",
    },
    {
      line: "truncate -s -512 enc.qcow2; qcow-tool check enc.qcow2",
      does: "An image whose last cluster is short.",
      differs: "qcow-tool failed.",
      stdout: /^Qcow file seems intact\.$/m,
    },
    {
      line: "qcow-tool check used.qcow2",
      does: "Exit code 2: refcounts are wrong.",
      differs:
        "this image was used by qcow-tool, which writes no refcounts and does not look at them. `qcow-tool repair` writes them. Reading needs none, and commands that change an image repair it first.",
      exit: 2,
      stdout: /errors were found on the image/,
    },
    {
      line: "cp disk.qcow2 far.qcow2; printf '\\x80\\0\\0\\1\\0\\0\\0\\0' | dd of=far.qcow2 bs=1 seek=262144 conv=notrunc status=none; qcow-tool check far.qcow2",
      does: "Exit code 2, and which reference leads outside the file.",
      differs:
        "the exit code, which was 1, and the words. While another process grows the file, the check is repeated up to five times, as qcow-tool's.",
      exit: 2,
      stderr: /^ERROR .*/m,
    },
    {
      line: "qcow-tool check nowhere.qcow2",
      does: "Exit code 1: there is nothing to check.",
      exit: 1,
      stdout: "",
    },
    {
      line: "qcow-tool repair used.qcow2",
      does: "Refcounts are right.",
      differs:
        "it says what it repaired, and clears the dirty mark; it takes a handful of flushes, not one for each cluster.",
      stdout: /corruptions/,
      proof:
        "qcow-tool check used.qcow2 && [ $(qcow-tool info used.qcow2 --filter '.additional.[0].dirty') = false ]",
    },
    {
      line: "qcow-tool repair used.qcow2 --unsafe-buffering",
      does: "The same, without waiting for the disk.",
      proof: "qcow-tool check used.qcow2",
    },
    {
      line: "qcow-tool repair disk.qcow2",
      does: "There is nothing to repair.",
      differs: "qcow-tool printed nothing.",
      stdout: /No errors were found/,
    },
  ],
};

export const SHRINK: Section = {
  title: "resize, discard, compact",
  rows: [
    {
      line: "qcow-tool resize disk.qcow2 --size 2GiB",
      does: "A longer disk.",
      differs: "the new size is printed.",
      proof: "[ $(qcow-tool info disk.qcow2 --filter .size) = 2147483648 ]",
    },
    {
      line: "qcow-tool resize disk.qcow2 --size 8TiB",
      does: "A much longer disk.",
      differs: "qcow-tool cannot where the L1 table needs more clusters.",
      proof: "[ $(qcow-tool info disk.qcow2 --filter .size) = 8796093022208 ] && qcow-tool check disk.qcow2",
    },
    {
      line: "qcow-tool resize disk.qcow2 --size 1MiB",
      does: "Exit code 1: data would be lost.",
      differs: "the numbers are in the message; qcow-tool printed `%Ld`.",
      exit: 1,
      stderr: /1073741824.*1048576.*QCOW2_DATA_LOSS|1048576.*1073741824.*QCOW2_DATA_LOSS/,
      proof: "[ $(qcow-tool info disk.qcow2 --filter .size) = 1073741824 ]",
    },
    {
      line: "qcow-tool resize disk.qcow2 --size 1MiB --ignore-data-loss",
      does: "A shorter disk.",
      differs: "what was behind its end is given up, so it does not come back when the disk grows.",
      proof: "[ \"$(qcow-tool mapped disk.qcow2 | tail -n +2)\" = '0 65536' ] && qcow-tool check disk.qcow2",
    },
    {
      line: "qcow-tool resize disk.qcow2 --ignore-data-loss",
      does: "Exit code 64: say the size.",
      differs: "qcow-tool would have cut the disk to 1024 bytes.",
      exit: 64,
      stderr: /--size/,
    },
    {
      line: "qcow-tool discard zeroes.qcow2",
      does: "Clusters that are all zero are given up.",
      differs: "qcow-tool failed with `Unimplemented`.",
      stdout: "Released 64 KiB (65536 bytes).\n",
      proof: "[ \"$(qcow-tool mapped zeroes.qcow2 | tail -n +2)\" = '0 65536' ]",
    },
    {
      line: "qcow-tool discard zeroes.qcow2 --unsafe-buffering",
      does: "The same, without waiting for the disk.",
      proof: "qcow-tool check zeroes.qcow2",
    },
    {
      line: "qcow-tool compact holes.qcow2",
      does: "`The file is now 1 MiB smaller.`",
      stdout: /^The file is now [0-9]+ MiB smaller\.\n$/,
      proof: "qcow-tool check holes.qcow2",
    },
    {
      line: "qcow-tool compact disk.qcow2",
      does: "The sentence of qcow-tool, backquotes and all.",
      stdout: "I couldn't make the file any smaller. Consider running `discard`.\n",
    },
    {
      line: "qcow-tool compact holes.qcow2 --unsafe-buffering",
      does: "The same, without waiting for the disk.",
      stdout: /MiB smaller/,
      proof: "qcow-tool check holes.qcow2",
    },
    {
      line: "printf more >> disk.qcow2; qcow-tool compact disk.qcow2",
      does: "A file whose length is no multiple of 512.",
      differs: "it is not made longer first.",
      proof: "qcow-tool check disk.qcow2",
    },
  ],
};
