// Owns the other side: the same writes through qemu-io, as many at once as it takes.
//   node qemu-io-writes.mjs random|sequential COUNT BYTES IMAGE
import { spawn } from "node:child_process";
import { writeOffsets } from "./write-plan.mjs";

const [pattern, count, bytes, path] = process.argv.slice(2);
const lines = writeOffsets(pattern, Number(count), Number(bytes)).map(
  (offset) => `aio_write -q -P 0x5a ${offset} ${bytes}\n`,
);
const child = spawn("qemu-io", ["-f", "qcow2", path], { stdio: ["pipe", "ignore", "inherit"] });
child.stdin.end(`${lines.join("")}aio_flush\nflush\nquit\n`);
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
