import { execFileSync } from "node:child_process";
import { closeSync, fsyncSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runQcow } from "./run-qcow.js";

const PEER = "qemu-img";

function hasQemuImg(): boolean {
  try {
    execFileSync(PEER, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Until a file is on the disk, a file system may change its mind about how much room it takes there. */
function settle(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

const available = hasQemuImg();
const required = process.env.QCOW_REQUIRE_TOOLS === "1";

describe.skipIf(!available && !required)(
  "side by side with qemu-img (skipped when it is not installed)",
  () => {
    let cwd: string;
    const qemuImg = (...args: string[]): string => {
      const env = { ...process.env, TZ: "UTC" };
      try {
        return execFileSync(PEER, args, {
          cwd,
          encoding: "utf8",
          env,
          stdio: ["ignore", "pipe", "ignore"],
        });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };

    beforeAll(() => {
      cwd = mkdtempSync(join(tmpdir(), "qcow-peer-"));
      const raw = Buffer.alloc(1024 * 1024);
      for (let at = 0; at < raw.length; at += 131072) raw.fill(1 + (at >> 17), at, at + 65_536);
      writeFileSync(join(cwd, "disk.raw"), raw);
      qemuImg("convert", "-O", "qcow2", "disk.raw", "plain.qcow2");
      qemuImg("convert", "-O", "qcow2", "-o", "compat=0.10", "disk.raw", "v2.qcow2");
      qemuImg("convert", "-c", "-O", "qcow2", "disk.raw", "compressed.qcow2");
      qemuImg(
        "convert",
        "-O",
        "qcow2",
        "-o",
        "extended_l2=on,cluster_size=128k",
        "disk.raw",
        "extended.qcow2",
      );
      qemuImg("create", "-f", "qcow2", "-b", "plain.qcow2", "-F", "qcow2", "overlay.qcow2");
      qemuImg("convert", "-O", "qcow2", "disk.raw", "snapshots.qcow2");
      qemuImg("snapshot", "-c", "first", "snapshots.qcow2");
      qemuImg("snapshot", "-c", "second one", "snapshots.qcow2");
      qemuImg("create", "-f", "qcow2", "bitmaps.qcow2", "4M");
      qemuImg("bitmap", "--add", "--disable", "bitmaps.qcow2", "fine", "-g", "4096");
      qemuImg("bitmap", "--add", "bitmaps.qcow2", "coarse");
      for (const name of readdirSync(cwd)) settle(join(cwd, name));
    });

    afterAll(() => rmSync(cwd, { recursive: true, force: true }));

    const images = ["plain", "v2", "compressed", "extended", "overlay", "snapshots", "bitmaps"];

    describe.each(images.map((name) => `${name}.qcow2`))("%s", (image) => {
      it.each([["info"], ["info", "--backing-chain"], ["check"], ["map"]])(
        "%s %s gives the same JSON",
        async (...words) => {
          const args = words.filter((word) => word !== undefined);
          const ours = await runQcow([...args, image, "--json"], { cwd });
          expect(JSON.parse(ours.stdout.toString())).toEqual(
            JSON.parse(qemuImg(...args, "--output=json", image)),
          );
        },
      );

      it("map --json is the same to the byte", async () => {
        const ours = await runQcow(["map", image, "--json"], { cwd });
        expect(ours.stdout.toString()).toBe(qemuImg("map", "--output=json", image));
      });

      it("info says the same to people, in qemu-img's order up to the format's own lines", async () => {
        const ours = await runQcow(["info", image], { cwd, env: { TZ: "UTC" } });
        const lines = (text: string): string[] => text.trimEnd().split("\n");
        const theirs = lines(qemuImg("info", image));
        expect(lines(ours.stdout.toString()).sort()).toEqual(theirs.sort());
      });

      it("decode writes what qemu-img converts", async () => {
        qemuImg("convert", "-O", "raw", image, "theirs.raw");
        const ours = await runQcow(["decode", image, "ours.raw"], { cwd });
        expect(ours.exitCode).toBe(0);
        expect(() => execFileSync("cmp", ["ours.raw", "theirs.raw"], { cwd })).not.toThrow();
      });
    });
  },
);
