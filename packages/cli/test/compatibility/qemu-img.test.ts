// Each line as users of qemu-img write it, run by both in a shell; and the document that says so.

import { beforeAll, describe, expect, it } from "vitest";
import { skipsQemu } from "../process/qemu.js";
import { filled, tinyImage } from "../process/tiny-image.js";
import { pageText } from "./page.js";
import { ABSENT } from "./qemu-img/absent-rows.js";
import { CHECK, INFO, MAP } from "./qemu-img/look-rows.js";
import { CONVERT, CREATE, RESIZE } from "./qemu-img/make-rows.js";
import type { QemuRow } from "./qemu-img/row.js";
import { type Line, needsShell, RowRunner, skipsShell } from "./row-runner.js";

const SECTIONS = [INFO, CHECK, MAP, CREATE, CONVERT, RESIZE];

const INTRODUCTION = `<!-- Made by packages/cli/test/compatibility/qemu-img.test.ts, which runs every line: change it there, then run it with -u. -->

\`qcow\` has the commands of qemu-img that look into qcow2 images, make them and change their size, with the same options, the same
JSON and the same exit codes of \`check\`. The lines below are run by the tests, by both programs (QEMU 7.2), and compared.

What holds for all commands:

- Options may come before or behind names, and may be cut short where that is not ambiguous.
- \`-f qcow2\` and \`-U\` are accepted, and change nothing: there is no other format, and reading takes no lock.
- \`--output=json\` is also \`--json\`, for every command. Sizes are written alike (\`1.5G\`, \`64k\`, \`512\`), and also \`64KiB\`.
- Exit codes: 0, 1 for a failure, 64 for a wrong command line (1 in qemu-img), 70 for a bug in qcow, 130 when interrupted.
- A backing file or a data file outside the image's own folder is opened only with \`--backing any\`: an image may come from
  anybody, and name any file.
- Locks are QEMU's, so both programs keep each other from writing to what is in use.
- \`http:\` and \`https:\` addresses are read without QEMU's block driver for them.

In these lines, \`disk.qcow2\` is an image of \`disk.raw\`, \`overlay.qcow2\` leans on it, \`leaky.qcow2\` has a leaked cluster, and
\`corrupt.qcow2\` a wrong refcount.`;

describe
  .skipIf(skipsQemu || skipsShell)
  .concurrent(`as users of qemu-img write it (needs qemu-img) ${needsShell}`, () => {
    const runner = new RowRunner("qemu-img");

    beforeAll(async () => {
      const clusters = new Map([[1, filled(7)]]);
      runner.put("leaky.qcow2", tinyImage({ clusters, leak: true }));
      runner.put("corrupt.qcow2", tinyImage({ clusters, corrupt: true }));
      runner.put("disk.raw", rawDisk());
      await runner.make(
        "for each in disk snapshots; do qemu-img convert -O qcow2 disk.raw $each.qcow2; done; qemu-img convert -c -O qcow2 disk.raw compressed.qcow2",
      );
      await runner.make("qemu-img snapshot -c first snapshots.qcow2");
      await runner.make("qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 overlay.qcow2");
    });

    describe.each(SECTIONS)("$title", ({ rows }) => {
      it.for(rows)("$theirs", async (row) => {
        const theirs = await runner.run(row.theirs);
        const ours = await runner.run(row.here);
        const { exit = 0, proof } = row;
        expect({ theirs: theirs.exitCode, ours: ours.exitCode, said: ours.stderr }).toMatchObject({
          theirs: exit,
          ours: exit,
        });
        expectSame(ours, theirs, row.same);
        if (proof !== undefined) await runner.prove(proof, ours.cwd, { THEIRS: theirs.cwd });
      });
    });

    it.for(ABSENT)("qemu-img $name is somewhere else", async ({ name, answer }) => {
      const { exitCode, stderr } = await runner.run(`qcow ${name}`);
      expect(exitCode).toBe(64);
      expect(stderr).toMatch(answer);
    });
  });

/** 1 MiB of runs of 64 KiB, each second of them zeros. */
function rawDisk(): Uint8Array {
  const raw = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < raw.length; at += 131_072) raw.fill(1 + (at >> 17), at, at + 65_536);
  return raw;
}

function expectSame(ours: Line, theirs: Line, same: QemuRow["same"]): void {
  if (same === "text") expect(ours.stdout).toBe(theirs.stdout);
  else if (same === "document") expect(JSON.parse(ours.stdout)).toEqual(JSON.parse(theirs.stdout));
  else if (same === "lines") {
    const lines = ours.stdout.split("\n");
    const kept = theirs.stdout.split("\n");
    expect(lines.filter((line) => kept.includes(line))).toEqual(kept);
  }
}

it("the document has the same lines", async () => {
  const sections = SECTIONS.map(({ title, text, rows }) => ({
    title,
    ...(text === undefined ? {} : { text }),
    rows: rows.map(({ theirs, here, does, differs }) => ({
      line: theirs,
      does: `\`${here.replace(/ \|\| \[.*\]$/, "")}\`: ${does}`,
      ...(differs === undefined ? {} : { differs }),
    })),
  }));
  const absent = {
    title: "What is not there",
    rows: ABSENT.map(({ name, instead }) => ({ line: `qemu-img ${name}`, does: instead })),
  };
  const page = {
    title: "Coming from qemu-img",
    introduction: INTRODUCTION,
    sections: [...sections, absent],
  };
  await expect(pageText(page)).toMatchFileSnapshot("../../../../docs/coming-from-qemu-img.md");
});
