// What users of qemu-img write to make images, and to convert them.

import type { QemuSection } from "./row.js";

/** The new image is described as theirs is, but for where lazy refcounts differ. */
const ALIKE =
  "facts() { qemu-img info --output=json $1/new.qcow2 | grep -v -e actual-size -e lazy-refcounts -e filename; }; diff <(facts .) <(facts $THEIRS) && qemu-img check -q new.qcow2";

const SAME_DISK = "qemu-img compare -q new.qcow2 $THEIRS/new.qcow2 && qemu-img check -q new.qcow2";

const create = (words: string, does: string) => ({
  theirs: `qemu-img create ${words}`,
  here: `qcow create ${words}`,
  does,
  proof: ALIKE,
});

export const CREATE: QemuSection = {
  title: "create",
  text: "Refcounts are lazy unless `-o lazy_refcounts=off` or `--strict-refcounts` says otherwise, as qcow-tool has it. What was made is told on stderr.",
  rows: [
    create("-f qcow2 new.qcow2 1G", "A new image."),
    create("-f qcow2 new.qcow2 1.5G", "A size with a fraction."),
    create("-q -f qcow2 new.qcow2 1G", "Without a word."),
    create(
      "-f qcow2 -o cluster_size=4k,compat=0.10 new.qcow2 64M",
      "Options by the names of qemu-img; also `--cluster-size` and so on.",
    ),
    create("-f qcow2 -o extended_l2=on,cluster_size=128k new.qcow2 64M", "With subclusters."),
    create("-f qcow2 -o compression_type=zstd,refcount_bits=32 new.qcow2 64M", "zstd, wide refcounts."),
    create("-f qcow2 -o preallocation=metadata new.qcow2 64M", "Everything mapped."),
    create("-f qcow2 -o data_file=new.raw,data_file_raw=on new.qcow2 64M", "Data in a file of its own."),
    {
      ...create("-f qcow2 -o lazy_refcounts=off new.qcow2 64M", "Without lazy refcounts: the same document."),
      proof:
        "facts() { qemu-img info --output=json $1/new.qcow2 | grep -v -e actual-size -e filename; }; diff <(facts .) <(facts $THEIRS)",
    },
    create("-f qcow2 -b disk.qcow2 -F qcow2 new.qcow2", "On a backing file, with its size."),
    {
      theirs: "qemu-img create new.raw 1M",
      here: "qcow create new.qcow2 1M",
      does: "An image.",
      differs: "it is qcow2 also without `-f`; for raw disks there is `truncate`.",
      proof: "qemu-img check -q new.qcow2",
    },
    {
      theirs: "qemu-img create -f qcow2 -o nocow=on new.qcow2 1M",
      here: "qcow create -f qcow2 -o nocow=on new.qcow2 1M || [ $? = 64 ]",
      does: "Exit code 64, with the options that there are.",
      differs: "`nocow` and the options of encryption are not there.",
      proof: "[ ! -e new.qcow2 ]",
    },
    {
      theirs: "qemu-img create -f vmdk new.vmdk 1M",
      here: "qcow create -f vmdk new.vmdk 1M || [ $? = 64 ]",
      does: "Exit code 64.",
      differs: "there is no other format.",
      proof: "[ ! -e new.vmdk ]",
    },
  ],
};

export const CONVERT: QemuSection = {
  title: "convert",
  text: "There is no `convert`: `encode` makes images, `decode` raw disks.",
  rows: [
    {
      theirs: "qemu-img convert -O qcow2 disk.raw new.qcow2",
      here: "qcow encode disk.raw new.qcow2",
      does: "An image of a raw disk.",
      proof: SAME_DISK,
    },
    {
      theirs: "qemu-img convert -p -c -O qcow2 disk.raw new.qcow2",
      here: "qcow encode -p -c disk.raw new.qcow2",
      does: "Compressed, with a bar.",
      proof: SAME_DISK,
    },
    {
      theirs: "qemu-img convert -O qcow2 -o cluster_size=4k,compat=0.10 disk.raw new.qcow2",
      here: "qcow encode -o cluster_size=4k,compat=0.10 disk.raw new.qcow2",
      does: "With options.",
      proof: `${SAME_DISK} && ${ALIKE}`,
    },
    {
      theirs: "qemu-img convert -O qcow2 -B disk.qcow2 -F qcow2 disk.raw new.qcow2",
      here: "qcow encode -b disk.qcow2 -F qcow2 disk.raw new.qcow2",
      does: "On a backing file.",
      differs: "what the backing file has too is not left out.",
      proof: SAME_DISK,
    },
    {
      theirs: "qemu-img convert -f qcow2 -O raw disk.qcow2 new.raw",
      here: "qcow decode disk.qcow2 new.raw",
      does: "The raw disk, with holes.",
      proof: "cmp new.raw $THEIRS/new.raw",
    },
    {
      theirs: "qemu-img convert -O raw -l first snapshots.qcow2 new.raw",
      here: "qcow decode --snapshot first snapshots.qcow2 new.raw",
      does: "The disk of a snapshot.",
      proof: "cmp new.raw $THEIRS/new.raw",
    },
    {
      theirs: "qemu-img convert -c -O qcow2 overlay.qcow2 new.qcow2",
      here: "qcow decode overlay.qcow2 - | qcow encode -c - new.qcow2",
      does: "An image of an image; nothing lies on the disk in between.",
      proof: SAME_DISK,
    },
    {
      theirs: "cat disk.qcow2 > copy.qcow2; qemu-img convert -O raw copy.qcow2 new.raw",
      here: "cat disk.qcow2 | qcow stream-decode new.raw",
      does: "From a pipe; see [Pipe an import](pipelines.md).",
      differs: "qemu-img cannot.",
      proof: "cmp new.raw $THEIRS/new.raw",
    },
  ],
};

const resize = (words: string, does: string, size: number) => ({
  theirs: `qemu-img resize ${words}`,
  here: `qcow resize ${words}`,
  does,
  proof: `[ $(qcow info --filter .size disk.qcow2) = ${size} ] && qemu-img compare -q disk.qcow2 $THEIRS/disk.qcow2 && qemu-img check -q disk.qcow2`,
});

export const RESIZE: QemuSection = {
  title: "resize",
  text: "The new size is printed, and not `Image resized.`.",
  rows: [
    resize("disk.qcow2 2G", "To a size.", 2 ** 31),
    resize("disk.qcow2 +1G", "By so much.", 2 ** 30 + 2 ** 20),
    resize("-f qcow2 disk.qcow2 1.5G", "With a format, and a fraction.", 1.5 * 2 ** 30),
    resize("-q --shrink disk.qcow2 512K", "Shorter.", 2 ** 19),
    resize("--shrink disk.qcow2 -512K", "By so much.", 2 ** 19),
    {
      theirs: "qemu-img resize disk.qcow2 512K",
      here: "qcow resize disk.qcow2 512K",
      does: "Exit code 1: data would be lost.",
      exit: 1,
      proof: "[ $(qcow info --filter .size disk.qcow2) = 1048576 ]",
    },
    {
      theirs: "qemu-img resize --preallocation=falloc disk.qcow2 2M",
      here: "qcow resize --preallocation=falloc disk.qcow2 2M || [ $? = 64 ]",
      does: "Exit code 64.",
      differs: "what is added is not preallocated.",
    },
  ],
};
