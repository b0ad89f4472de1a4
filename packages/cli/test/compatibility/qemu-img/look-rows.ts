// What users of qemu-img write to look into images, and to mend them.

import type { QemuSection } from "./row.js";

export const INFO: QemuSection = {
  title: "info",
  rows: [
    {
      theirs: "qemu-img info disk.qcow2",
      here: "qcow info disk.qcow2",
      does: "The same text.",
      same: "text",
    },
    {
      theirs: "qemu-img info --output=json disk.qcow2",
      here: "qcow info --output=json disk.qcow2",
      does: "The same document; also with `--json`.",
      same: "document",
    },
    {
      theirs: "qemu-img info -U -f qcow2 --output json disk.qcow2",
      here: "qcow info -U -f qcow2 --output json disk.qcow2",
      does: "Both are accepted: reading never disturbs a writer, and no format is ever guessed.",
      same: "document",
    },
    {
      theirs: "qemu-img info --backing-chain --output=json overlay.qcow2",
      here: "qcow info --backing-chain --output=json overlay.qcow2",
      does: "The whole chain.",
      same: "document",
    },
    {
      theirs: "qemu-img info --output=json snapshots.qcow2",
      here: "qcow info --output=json snapshots.qcow2",
      does: "Snapshots; so are bitmaps and encryption.",
      same: "document",
    },
    {
      theirs: "qemu-img info disk.raw",
      here: "qcow info disk.raw || [ $? = 1 ]",
      does: "Exit code 1: this is no qcow2 image.",
      differs: "other formats are not looked into.",
    },
  ],
};

export const CHECK: QemuSection = {
  title: "check",
  rows: [
    {
      theirs: "qemu-img check disk.qcow2",
      here: "qcow check disk.qcow2",
      does: "The same lines, and two counts.",
      same: "lines",
    },
    {
      theirs: "qemu-img check --output=json disk.qcow2",
      here: "qcow check --output=json disk.qcow2",
      does: "The same document.",
      same: "document",
    },
    {
      theirs: "qemu-img check --output=json leaky.qcow2",
      here: "qcow check --output=json leaky.qcow2",
      does: "Leaked clusters: exit code 3.",
      same: "document",
      exit: 3,
    },
    {
      theirs: "qemu-img check --output=json corrupt.qcow2",
      here: "qcow check --output=json corrupt.qcow2",
      does: "Damage: exit code 2.",
      same: "document",
      exit: 2,
    },
    {
      theirs: "qemu-img check -q leaky.qcow2",
      here: "qcow check -q leaky.qcow2",
      does: "Findings are left out.",
      differs: "the summary stays, as a result.",
      exit: 3,
    },
    { theirs: "qemu-img check disk.raw", here: "qcow check disk.raw", does: "Exit code 63.", exit: 63 },
    {
      theirs: "qemu-img check nowhere.qcow2",
      here: "qcow check nowhere.qcow2",
      does: "Exit code 1.",
      exit: 1,
    },
    {
      theirs: "qemu-img check -r leaks --output=json leaky.qcow2",
      here: "qcow check -r leaks --output=json leaky.qcow2",
      does: "Leaked clusters are freed, and the image is checked again.",
      same: "document",
      proof: "qemu-img check -q leaky.qcow2",
    },
    {
      theirs: "qemu-img check -r all corrupt.qcow2",
      here: "qcow check -r all corrupt.qcow2",
      does: "What can be mended is mended. Also `qcow repair`.",
      proof: "qemu-img check -q corrupt.qcow2",
    },
  ],
};

export const MAP: QemuSection = {
  title: "map",
  text: "Only the image's own tables are looked at. qemu-img also asks the host for holes in the file that the image is in, so clusters that are stored sparsely come in more pieces there.",
  rows: [
    { theirs: "qemu-img map disk.qcow2", here: "qcow map disk.qcow2", does: "The same text.", same: "text" },
    {
      theirs: "qemu-img map --output=json disk.qcow2",
      here: "qcow map --output=json disk.qcow2",
      does: "The same, to the byte.",
      same: "text",
    },
    {
      theirs: "qemu-img map --output=json overlay.qcow2",
      here: "qcow map --output=json overlay.qcow2",
      does: "Through the whole chain.",
      same: "text",
    },
    {
      theirs: "qemu-img map --output=json --start-offset=64K --max-length=128K disk.qcow2",
      here: "qcow map --output=json --start-offset=64K --max-length=128K disk.qcow2",
      does: "A part; also as `--start` and `--length`.",
      same: "text",
    },
    {
      theirs: "qemu-img map -s 1M -l 64K -U -f qcow2 disk.qcow2",
      here: "qcow map -s 1M -l 64K -U -f qcow2 disk.qcow2",
      does: "The same by letters.",
      same: "text",
    },
    {
      theirs: "qemu-img map compressed.qcow2 || [ $? = 1 ]",
      here: "qcow map compressed.qcow2",
      does: "`compressed` where a place would stand.",
      differs: "qemu-img refuses compressed clusters in this form.",
    },
  ],
};
