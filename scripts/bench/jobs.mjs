// Owns what is measured against what: the jobs, their peers in their fastest honest form, and the targets.
import * as zlib from "node:zlib";
import { httpJobs } from "./http-jobs.mjs";
import { nbdJobs } from "./nbd-jobs.mjs";
import { streamJobs } from "./stream-jobs.mjs";
import { writeJobs } from "./write-jobs.mjs";

const INFO_RUNS = 10;
const MIB = 1024 * 1024;

/**
 * The jobs. `ours` and `peer` are command lines; `peer.tool` is what it needs. `output` is a file that both write
 * and that is removed before each run; `prepare` are commands that run once, `reset` before each run, both untimed.
 * `compare` says what must agree between the two before any time counts: the `output`, the `stdout`, or the `disk` in
 * the output, which must be that of the file `disk`.
 * Targets: `ratio` of wall times, `rssBytes` of ours, `wallMs` of ours, `userRatio` of user CPU, `sizeRatio` of the outputs.
 * A job without a peer has none. `atServer` wants the images served; `roundsMost` is how often is enough.
 * `servers(folder)` are functions that start what both talk to meanwhile, which is stopped after.
 * `operations` and `bytes` of one run let the report say how many there are in a second.
 */
export function jobs({ node, cli, oclif, scratch, out, raw, script, url, qemuReadsHttp }) {
  const qcow = (...args) => [node, cli, ...args];
  const image = (name) => `${name}.qcow2`;
  const decode = (name, coroutines, targets) => ({
    name: `decode ${name}`,
    image: name,
    ours: qcow("decode", image(name), out),
    peer: ["qemu-img", "convert", "-f", "qcow2", "-W", "-m", `${coroutines}`, "-O", "raw", image(name), out],
    output: out,
    compare: "output",
    targets,
  });
  const check = (name) => ({
    name: `check ${name}`,
    image: name,
    ours: qcow("check", image(name)),
    peer: ["qemu-img", "check", "-f", "qcow2", image(name)],
    targets: { ratio: 0.5, rssBytes: 600 * MIB },
  });
  const map = (name, targets) => ({
    name: `map ${name}`,
    image: name,
    ours: qcow("map", "--json", image(name)),
    peer: ["qemu-img", "map", "-f", "qcow2", "--output=json", image(name)],
    targets: { rssBytes: 600 * MIB, ...targets },
  });
  return [
    ...writeJobs({ node, qcow, image, out, raw, script }),
    ...streamJobs({ node, cli, qcow, image, out, raw, shell }),
    ...nbdJobs({ image, scratch }),
    ...httpJobs({ qcow, image, out, url, qemuReadsHttp }),
    decode("a", 8, { ratio: 1.15 }),
    decode("b", 8, { ratio: 1.15 }),
    decode("c", 16, { ratio: 0.75 }),
    decode("d", 16, "zstdDecompress" in zlib ? { ratio: 1 } : {}),
    check("f"),
    check("f2"),
    map("f", {}),
    map("f2", { ratio: 0.4 }),
    {
      name: "sha a",
      image: "a",
      ours: qcow("sha", image("a")),
      peer: shell(`nbdcopy -- [ qemu-nbd -r -f qcow2 ${image("a")} ] - | openssl sha1 | sed 's/.*= //'`),
      tool: ["nbdcopy", "qemu-nbd", "openssl", "bash"],
      compare: "stdout",
      targets: { ratio: 0.75 },
    },
    {
      name: "info small",
      image: "small",
      ours: times(INFO_RUNS, qcow("info", image("small"))),
      peer: times(INFO_RUNS, [node, "--input-type=module", "-e", `await import(${JSON.stringify(oclif)})`]),
      tool: [],
      runs: INFO_RUNS,
      targets: { wallMs: 100, userRatio: 2.2 },
    },
  ].map((job) => ({ tool: ["qemu-img"], runs: 1, ...job }));
}

const shell = (line) => ["bash", "-o", "pipefail", "-c", line];

/** A command too short for one measurement, several times in a row. */
const times = (count, [file, ...args]) => [
  "/bin/sh",
  "-c",
  `i=0; while [ $i -lt ${count} ]; do "$0" "$@" || exit; i=$((i + 1)); done`,
  file,
  ...args,
];
