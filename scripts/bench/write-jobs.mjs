// Owns the jobs that make or change images; what a job is, jobs.mjs says.

const MIB = 1024 * 1024;

/** Writes of the jobs that go through the engine: how many, and how long each. */
const RANDOM_WRITES = { count: 20_000, bytes: 4096 };
const LONG_WRITES = { count: 1024, bytes: MIB };

/** Encoding, repairing, compacting, and writing through the engine. */
export function writeJobs({ node, qcow, image, out, raw, script }) {
  const encode = (name, { ours = [], peer = [], targets }) => ({
    name: ours.length > 0 ? `encode ${ours.join(" ")} ${name}` : `encode ${name}`,
    image: name,
    prepare: [["qemu-img", "convert", "-O", "raw", image(name), raw]],
    ours: qcow("encode", raw, out, ...ours),
    peer: ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-W", "-m", "8", ...peer, raw, out],
    output: out,
    compare: "disk",
    disk: raw,
    targets,
  });
  const repair = (name, reset, about, targets) => ({
    name: about,
    image: name,
    reset: [["cp", "--sparse=always", image(name), out], ...reset],
    ours: qcow("repair", out),
    peer: ["qemu-img", "check", "-q", "-f", "qcow2", "-r", "all", out],
    output: out,
    targets,
  });
  // The peer makes a new image in place of the old one, and has no other way.
  const compact = {
    name: "compact half",
    image: "half",
    reset: [["cp", "--sparse=always", image("half"), out]],
    ours: qcow("compact", out),
    peer: [
      "/bin/sh",
      "-c",
      'qemu-img convert -W -m 8 -f qcow2 -O qcow2 "$0" "$0.new" && mv "$0.new" "$0"',
      out,
    ],
    prepare: [["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image("half"), raw]],
    output: out,
    compare: "disk",
    disk: raw,
    targets: { ratio: 1.5, sizeRatio: 1.02 },
  };
  const writes = (name, { count, bytes }, pattern, kind) => ({
    name,
    image: "small",
    reset: [
      ["qemu-img", "create", "-q", "-f", "qcow2", out, "4G"],
      ...(kind === "allocated"
        ? [["qemu-img", "bench", "-w", "-c", "4096", "-s", "1M", "-d", "4", "-f", "qcow2", out]]
        : []),
    ],
    ours: [node, script("engine-writes.mjs"), pattern, `${count}`, `${bytes}`, out],
    peer: [node, script("qemu-io-writes.mjs"), pattern, `${count}`, `${bytes}`, out],
    tool: ["qemu-img", "qemu-io"],
    output: out,
    operations: count,
    bytes: count * bytes,
    targets: {},
  });
  return [
    encode("a", { targets: { ratio: 1.2 } }),
    encode("b", { targets: { ratio: 1.2 } }),
    encode("c", { ours: ["--compress"], peer: ["-c"], targets: { ratio: 0.6, sizeRatio: 1.02 } }),
    repair("f2", [], "repair f2", { ratio: 1 }),
    repair("f2", [[node, script("stale-refcounts.mjs"), out]], "rebuild f2", { ratio: 1 }),
    compact,
    writes("4K fresh", RANDOM_WRITES, "random", "fresh"),
    writes("4K again", RANDOM_WRITES, "random", "allocated"),
    writes("1M fresh", LONG_WRITES, "sequential", "fresh"),
    writes("1M again", LONG_WRITES, "sequential", "allocated"),
  ];
}
