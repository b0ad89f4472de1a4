// The commands of qemu-img that are not here, and what to use instead.

import type { AbsentRow } from "./row.js";

const KEEP = "Use qemu-img; qcow has nothing like it yet.";

export const ABSENT: readonly AbsentRow[] = [
  { name: "amend", instead: KEEP, answer: /use qemu-img/ },
  { name: "bench", instead: KEEP, answer: /use qemu-img/ },
  {
    name: "bitmap",
    instead:
      "`qcow info` lists bitmaps, `qcow serve` shows them to NBD clients. To change them, use qemu-img.",
    answer: /qcow info/,
  },
  { name: "commit", instead: KEEP, answer: /use qemu-img/ },
  { name: "compare", instead: "Compare what `qcow sha` prints, or use qemu-img.", answer: /qcow sha/ },
  { name: "convert", instead: "`qcow encode`, `qcow decode`: above.", answer: /qcow encode/ },
  {
    name: "dd",
    instead: "`qcow read --offset 1M --bytes 4K`, `qcow write --offset 1M --input FILE`.",
    answer: /qcow read/,
  },
  { name: "measure", instead: KEEP, answer: /use qemu-img/ },
  { name: "rebase", instead: KEEP, answer: /use qemu-img/ },
  {
    name: "snapshot",
    instead:
      "`qcow info` lists snapshots, `--snapshot NAME` of `read`, `sha`, `decode` and `serve` reads one. To make or remove them, use qemu-img.",
    answer: /--snapshot/,
  },
];
