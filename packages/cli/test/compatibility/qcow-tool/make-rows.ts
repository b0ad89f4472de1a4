// What users of qcow-tool write to make images, and to fill them.

import type { Section } from "../row.js";

export const CREATE: Section = {
  title: "create, pattern",
  rows: [
    {
      line: "qcow-tool create new.qcow2 --size 1GiB",
      does: "A new image with lazy refcounts; nothing on stdout.",
      differs:
        "it is complete: marked clean, with refcounts, so every other program takes it. `--quiet` keeps the line on stderr away.",
      stdout: "",
      proof:
        "[ $(qcow-tool info new.qcow2 --filter '.additional.[0].lazy_refcounts') = true ] && qcow-tool check new.qcow2",
    },
    {
      line: "qcow-tool create new.qcow2 --size 1GiB --strict-refcounts",
      does: "Without lazy refcounts.",
      stdout: "",
      proof: "[ $(qcow-tool info new.qcow2 --filter '.additional.[0].lazy_refcounts') = false ]",
    },
    {
      line: "qcow-tool create new.qcow2 --size 1GiB --trace",
      does: "Each access to the file on stderr.",
      stderr: /^BLOCK\.write 0 len = [0-9]+$/m,
    },
    {
      line: "qcow-tool create disk.qcow2 --size 1MiB",
      does: "What the file held before is lost.",
      proof: '[ -z "$(qcow-tool mapped disk.qcow2 | tail -n +2)" ]',
    },
    {
      line: "qcow-tool create new.qcow2",
      does: "Exit code 64: say the size.",
      differs: "qcow-tool made a disk of 1024 bytes.",
      exit: 64,
      stderr: /--size/,
      proof: "[ ! -e new.qcow2 ]",
    },
    {
      line: "qcow-tool create ignored new.qcow2 --size 1MiB",
      does: "Exit code 64.",
      differs:
        "0.14 ignores the first name, by mistake. As in 0.11, it is the image; a second word would be the size.",
      exit: 64,
      proof: "[ ! -e new.qcow2 -a ! -e ignored ]",
    },
    {
      line: "qcow-tool create no/such/folder.qcow2 --size 1MiB",
      does: "Exit code 1, and why.",
      differs: "the words, which were `Failed to create qcow formatted data on`, and said no reason.",
      exit: 1,
      stderr: /BACKEND_NOT_FOUND/,
    },
    {
      line: "qcow-tool pattern new.qcow2 --size 1MiB --pattern 1",
      does: "Every second cluster has a sector that begins with its number.",
      proof:
        "[ $(qcow-tool mapped new.qcow2 | grep -c ' 65536$') = 8 ] && qcow-tool read new.qcow2 --sector 256 | od -An -tx1 -N8 | tr -d ' ' | grep -q ^0000000000000100",
    },
    {
      line: "qcow-tool pattern new.qcow2 --size 1MiB --pattern 2",
      does: "All sectors with their numbers, then every second cluster discarded, beginning with the first.",
      differs: "the numbers are there; qcow-tool wrote zeros.",
      proof:
        "[ $(qcow-tool mapped new.qcow2 | grep -c ' 65536$') = 8 ] && qcow-tool read new.qcow2 --sector 129 | od -An -tx1 -N8 | tr -d ' ' | grep -q ^0000000000000081",
    },
    {
      line: "qcow-tool pattern new.qcow2 --size 1MiB --progress",
      does: "Pattern 1, and the bar.",
      differs: "on stderr.",
      stdout: "",
      stderr: /100%/,
    },
    {
      line: "qcow-tool pattern new.qcow2 --size 1MiB --pattern 3",
      does: "Exit code 64.",
      differs: "the words, which were `Unknown pattern 3`.",
      exit: 64,
      proof: "[ ! -e new.qcow2 ]",
    },
    {
      line: "qcow-tool pattern ignored new.qcow2 --size 1MiB",
      does: "Exit code 64.",
      differs: "as with `create`.",
      exit: 64,
    },
  ],
};

export const ENCODE: Section = {
  title: "encode, decode, stream_decode",
  rows: [
    {
      line: "qcow-tool encode disk.raw new.qcow2",
      does: "An image of the raw disk.",
      differs:
        "zeros take no space; qcow-tool stored them, and left up to 32 MiB at the end. (0.11 cannot take two names: its input was its output.)",
      proof:
        "qcow-tool decode new.qcow2 out.raw && cmp out.raw disk.raw && [ $(stat -c %s new.qcow2) -lt 1000000 ]",
    },
    {
      line: "head -c 1000 disk.raw > odd.raw; qcow-tool encode odd.raw new.qcow2",
      does: "The size is rounded up to whole sectors.",
      proof:
        "[ $(qcow-tool info new.qcow2 --filter .size) = 1024 ] && qcow-tool read new.qcow2 --length 2 | cmp -n 1000 - odd.raw",
    },
    {
      line: "qcow-tool decode enc.qcow2 out.raw",
      does: "The disk.",
      differs:
        "zeros are holes; what `out.raw` held is gone; the image stays as it is, while qcow-tool changed it.",
      stdout: "",
      stderr: "",
      proof: "cmp out.raw disk.raw && [ $(stat -c %b out.raw) -lt 2000 ]",
    },
    {
      line: "cp disk.qcow2 out.raw; qcow-tool decode enc.qcow2 out.raw",
      does: "The disk.",
      differs: "a longer output is cut; qcow-tool left its end.",
      proof: "cmp out.raw disk.raw",
    },
    {
      line: "cat enc.qcow2 | qcow-tool stream_decode out.raw",
      does: "The same in one pass; also as `stream-decode`.",
      proof: "cmp out.raw disk.raw",
    },
    {
      line: "qcow-tool stream_decode out.raw < holes.qcow2",
      does: "Clusters may lie in any order, with gaps and tables between them, and may be compressed.",
      differs:
        "qcow-tool failed unless data lay in one ascending row behind all tables. The end of this one is cut to the size of the disk, and a device gets zeros where qcow-tool left what was there.",
      proof: "qcow-tool decode holes.qcow2 other.raw && cmp out.raw other.raw",
    },
    {
      line: "head -c 200000 enc.qcow2 | qcow-tool stream_decode out.raw",
      does: "Exit code 1: the stream ends too early.",
      exit: 1,
      stdout: "",
    },
    {
      line: "qcow-tool stream_decode < enc.qcow2",
      does: "Exit code 64: say where to.",
      differs: "qcow-tool took `test.raw`.",
      exit: 64,
      stderr: /missing argument: OUT/,
    },
  ],
};
