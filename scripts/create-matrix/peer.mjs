// Owns how a case is told to qemu-img, and what it says of an image. Does not judge.
import { howItEnded, runCommand } from "../corpus/command.mjs";

/** Makes the image with qemu-img; resolves with how that ended. */
export function createWithPeer(one, cwd) {
  const options = [
    `cluster_size=${one.clusterSize}`,
    `refcount_bits=${one.refcountBits}`,
    `compat=${one.compat}`,
    `extended_l2=${one.extendedL2 ? "on" : "off"}`,
    `lazy_refcounts=${one.lazy ? "on" : "off"}`,
    `compression_type=${one.compression}`,
    `preallocation=${one.preallocation}`,
    ...(one.dataFile === "none" ? [] : ["data_file=data.raw"]),
    ...(one.dataFile === "raw" ? ["data_file_raw=on"] : []),
  ];
  const backing = one.backing === "none" ? [] : ["-b", `../base.${one.backing}`, "-F", one.backing];
  return qemuImg(
    ["create", "-q", "-f", "qcow2", "-o", options.join(","), ...backing, "disk.qcow2", `${one.size}`],
    cwd,
  );
}

/** What `info` says, less what differs between any two files. */
export async function peerInfo(cwd) {
  const { exit, text, stderr } = await qemuImg(["info", "--output=json", "disk.qcow2"], cwd);
  if (exit !== 0) return { failed: stderr };
  const { "actual-size": _, ...info } = JSON.parse(text.toString());
  return info;
}

/** What `check` says; `failed` when it found anything, or could not look. */
export async function peerCheck(cwd) {
  const ended = await qemuImg(["check", "--output=json", "disk.qcow2"], cwd);
  if (ended.exit !== 0 || ended.stderr !== "") return { failed: howItEnded(ended) };
  return JSON.parse(ended.text.toString());
}

/** Runs qemu-io's commands on the image; resolves with what failed, or undefined. */
export async function peerUse(commands, cwd) {
  const args = commands.flatMap((command) => ["-c", command]);
  const { exit, text, stderr } = await runCommand("qemu-io", [...args, "disk.qcow2"], { cwd });
  const said = `${text}${stderr}`;
  return exit === 0 && !/fail|error/i.test(said) ? undefined : said;
}

function qemuImg(args, cwd) {
  return runCommand("qemu-img", args, { cwd });
}
