// Each line as users of qcow-tool write it, run in a shell; and the document that says so.

import { beforeAll, describe, expect, it } from "vitest";
import { pageText } from "./page.js";
import { DEHYDRATE, TREE_MAP } from "./qcow-tool/dehydrate-rows.js";
import { FILTER, INFO } from "./qcow-tool/info-rows.js";
import { freshImage, usedImage } from "./qcow-tool/left-images.js";
import { CREATE, ENCODE } from "./qcow-tool/make-rows.js";
import { PROGRAM, SIZES } from "./qcow-tool/program-rows.js";
import { CHECK, READ, SHRINK } from "./qcow-tool/use-rows.js";
import { needsShell, RowRunner, skipsPlugin, skipsShell } from "./row-runner.js";

const SECTIONS = [PROGRAM, SIZES, INFO, FILTER, CREATE, ENCODE, READ, CHECK, SHRINK, DEHYDRATE];

const INTRODUCTION = `<!-- Made by packages/cli/test/compatibility/qcow-tool.test.ts, which runs every line: change it there, then run it with -u. -->

\`qcow-tool\` is a second name of \`qcow\`. The lines below are what people write for the qcow-tool of
[ocaml-qcow](https://github.com/mirage/ocaml-qcow), 0.11 to 0.14; each of them is run by the tests, and does what stands beside it.
Where that is not what qcow-tool does, it says so, and why.

What holds for all commands:

- Names, options and the order of words are the same; options may also come first.
- Started as \`qcow-tool\`, \`info\` prints the S-expression and \`check\` its three lines. Started as \`qcow\`, they print what
  qemu-img's users know.
- stdout has results, and nothing else; everything else is on stderr. \`--json\` makes one document of the result.
- Exit codes: 0, 1 for a failure, 64 for a wrong command line, 70 for a bug in qcow, 130 when interrupted. \`check\` and \`repair\`
  also have 2 for damage and 3 for leaked clusters.
- Commands that change an image lock it, and fail at once when another process has it. The lock is QEMU's, so it also
  keeps QEMU and qcow from each other. qcow-tool's own lock (\`flock\`) is another: end qcow-tool first.
- Commands that only read never change the file.
- Images with snapshots, backing files, compressed clusters, bitmaps and all else that QEMU writes are read, and none of it is lost
  when they are written.

In these lines, \`fresh.qcow2\` and \`used.qcow2\` are images as qcow-tool leaves them; \`disk.qcow2\` has a sector at 0 and one at
512 MiB; \`enc.qcow2\` is an image of \`disk.raw\`; \`zeroes.qcow2\` has a cluster full of zeros; \`holes.qcow2\` has free clusters between
others.`;

/** 1 MiB, about half of it zeros. */
function rawDisk(): Uint8Array {
  return Buffer.alloc(1024 * 1024)
    .fill("0123456789abcdef\n", 0, 300_000)
    .fill("more\n", 800_000);
}

describe.skipIf(skipsShell).concurrent(`as users of qcow-tool write it ${needsShell}`, () => {
  const runner = new RowRunner("qcow-tool");

  beforeAll(async () => {
    runner.put("fresh.qcow2", freshImage(1024n));
    runner.put("used.qcow2", usedImage());
    runner.put("tree.form", TREE_MAP);
    runner.put("disk.raw", rawDisk());
    await runner.make(
      "qcow encode disk.raw enc.qcow2 & qcow pattern holes.qcow2 --size 4M --pattern 2; wait",
    );
    await runner.make(
      "qcow create disk.qcow2 1G; qcow write disk.qcow2 --text hello; qcow write disk.qcow2 --sector 1048576 --text there",
    );
    await runner.make(
      "qcow create zeroes.qcow2 1M; (head -c 65536 disk.raw; head -c 65536 /dev/zero) | qcow write zeroes.qcow2 --input -",
    );
  });

  describe.each(SECTIONS)("$title", ({ rows }) => {
    it.for(rows)("$line", async (row, { skip }) => {
      if (row.needsPlugin && skipsPlugin) skip("the plugin was not built");
      await runner.expectRow(row);
    });
  });
});

it("the document has the same lines", async () => {
  const page = { title: "Coming from qcow-tool", introduction: INTRODUCTION, sections: SECTIONS };
  await expect(pageText(page)).toMatchFileSnapshot("../../../../docs/coming-from-qcow-tool.md");
});
