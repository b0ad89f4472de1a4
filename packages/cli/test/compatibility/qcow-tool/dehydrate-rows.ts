// What users of qcow-tool write to share the structure of an image.

import type { Section } from "../row.js";

const MAP = "((blocks ((327680 393215) (0 262143))) (total_size 458752))";

/** The map of the same image as qcow-tool 0.10 to 0.12.1 writes it. */
export const TREE_MAP = `((blocks
  (Node
   ((x 0) (y 262143) (l Empty)
    (r
     (Node
      ((x 327680) (y 393215) (l Empty) (r Empty) (h 1) (cardinal 65536))))
    (h 2) (cardinal 327680))))
 (total_size 458752))
`;

export const DEHYDRATE: Section = {
  title: "dehydrate, rehydrate",
  text: "These come with a plugin: `qcow plugins install @qcow/plugin-dehydrate`. [How to have somebody look at a broken image](support-files.md) says more.",
  rows: [
    {
      line: "qcow-tool dehydrate used.qcow2 out && cat out.map",
      does: `\`${MAP}\`, as 0.12.2 and later write it, and \`out.meta\` with the bytes.`,
      differs:
        "runs of more than 1 MiB are there whole, refcount blocks, snapshots and bitmaps too. Contents that a table claims are left out.",
      stdout: `${MAP}\n`,
      proof: "[ $(stat -c %s out.meta) = 327680 ]",
      needsPlugin: true,
    },
    {
      line: "touch out.meta; qcow-tool dehydrate used.qcow2 out",
      does: "The files are written.",
      differs: "qcow-tool failed when `out.meta` was there already.",
      needsPlugin: true,
    },
    {
      line: "qcow-tool dehydrate used.qcow2 out --debug --progress-fd 3 3> lines",
      does: "The options that qcow-tool has for it.",
      differs: "the lines are written.",
      proof: "grep -q '\"progress\": 100' lines",
      needsPlugin: true,
    },
    {
      line: "qcow-tool dehydrate used.qcow2 tree && cp tree.form tree.map && qcow-tool rehydrate tree again.qcow2",
      does: "An image with the same structure. The map may be the tree that 0.10 to 0.12.1 wrote.",
      proof:
        '[ $(stat -c %s again.qcow2) = 458752 ] && [ "$(qcow-tool mapped used.qcow2)" = "$(qcow-tool mapped again.qcow2)" ] && [ -z "$(qcow-tool read again.qcow2 | tr -d \'\\0\')" ]',
      needsPlugin: true,
    },
    {
      line: "qcow-tool dehydrate used.qcow2",
      does: "Exit code 64: say the prefix.",
      differs: "qcow-tool took `dehydrated`, and `output.qcow2` for `rehydrate`.",
      exit: 64,
      stderr: /missing argument: PREFIX/,
      needsPlugin: true,
    },
    {
      line: "qcow-tool dehydrate used.qcow2 out # without the plugin",
      does: "Exit code 64, and how to install it.",
      differs: "qcow-tool has it built in.",
      exit: 64,
      stderr: /qcow plugins install @qcow\/plugin-dehydrate/,
    },
  ],
};
