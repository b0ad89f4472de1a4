// Commands of qemu-img that are not here, and what does the same. Owns the list.

/** What to say to somebody who asks for the command `name`; undefined when qemu-img has none of that name. */
export function elsewhere(name: string): string | undefined {
  return Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
}

const QEMU_IMG = "qcow has nothing like it yet; use qemu-img.";

const PLACES: Readonly<Record<string, string>> = {
  amend: QEMU_IMG,
  bench: QEMU_IMG,
  bitmap: `\`qcow info\` lists bitmaps, and \`qcow serve\` shows them to clients. To change them, use qemu-img.`,
  commit: QEMU_IMG,
  compare: "Compare what `qcow sha` says of both, or use qemu-img.",
  convert: "To make an image of a raw disk: `qcow encode`. To make a raw disk of an image: `qcow decode`.",
  dd: "To read a piece: `qcow read --offset --bytes`. To write one: `qcow write --offset --input`.",
  measure: QEMU_IMG,
  rebase: QEMU_IMG,
  snapshot: "`qcow info` lists snapshots, and --snapshot reads one. To make or remove them, use qemu-img.",
};
