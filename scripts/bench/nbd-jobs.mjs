// Owns the jobs of a client of NBD: the same requests of fio to an image that we serve, and to one that qemu-nbd serves. What
// a job is, jobs.mjs says.
import { join } from "node:path";
import { startServing } from "../nbd/serving.mjs";
import { startQemuNbd } from "./qemu-nbd.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Starting fio takes its time too, for both alike: enough requests that it does not count. */
const SHORT = { bytes: 4 * KIB };
const LONG = { bytes: MIB };

/** The client's requests: what fio is asked for. */
function client(socket, { pattern, size, depth, count }) {
  return [
    "fio",
    "--name=bench",
    "--ioengine=nbd",
    `--uri=nbd+unix:///?socket=${socket}`,
    `--rw=${pattern}`,
    `--bs=${size.bytes}`,
    `--iodepth=${depth}`,
    `--number_ios=${count}`,
    "--randrepeat=1",
    "--norandommap",
  ];
}

/** Targets are ratios of times: twice as fast is 0.5. */
export function nbdJobs({ image, scratch }) {
  const sockets = { ours: join(scratch, "ours.sock"), peer: join(scratch, "peer.sock") };
  const copies = { ours: join(scratch, "ours.qcow2"), peer: join(scratch, "peer.qcow2") };
  const job = (name, requests, ratio, more = []) => {
    const writable = requests.pattern === "randwrite";
    const original = image(requests.image);
    const served = writable ? copies : { ours: original, peer: original };
    const args = [served.ours, "--socket", sockets.ours, ...(writable ? ["--rw"] : []), ...more];
    return {
      name: `nbd ${name}`,
      image: requests.image,
      tool: ["qemu-nbd", "fio"],
      prepare: writable ? Object.values(copies).map((copy) => ["cp", "--sparse=always", original, copy]) : [],
      servers: (cwd) => [
        () => startServing(args, { cwd }),
        () => startQemuNbd(served.peer, { socket: sockets.peer, writable, cwd }),
      ],
      ours: client(sockets.ours, requests),
      peer: client(sockets.peer, requests),
      operations: requests.count,
      bytes: requests.count * requests.size.bytes,
      targets: ratio === undefined ? {} : { ratio },
    };
  };
  const read = (letter, depth, count) => ({ image: letter, pattern: "randread", size: SHORT, depth, count });
  const write = (letter, depth, count) => ({ ...read(letter, depth, count), pattern: "randwrite" });
  return [
    job("4K read b 1", read("b", 1, 60_000), 1),
    job("4K read b 32", read("b", 32, 150_000), 1),
    // Six reads of each cluster: enough that what stays in memory shows, as it does for whoever uses a disk.
    job("4K read c 1", read("c", 1, 100_000), 1 / 3),
    job("4K read c 32", read("c", 32, 100_000), 1 / 3),
    // What is read for the first time, which neither has in memory.
    job("4K read c 32 cold", read("c", 32, 20_000), undefined, ["--cluster-cache", "0"]),
    job("1M read a", { image: "a", pattern: "read", size: LONG, depth: 4, count: 2000 }, 1 / 0.6),
    job("4K write b 1", write("b", 1, 50_000), 1 / 0.6),
    job("4K write b 32", write("b", 32, 100_000), 1 / 0.6),
  ];
}
