// Owns the jobs that go through pipes; what a job is, jobs.mjs says.

/** Decoding an image that comes through a pipe, and encoding into one. */
export function streamJobs({ node, cli, qcow, image, out, raw, shell }) {
  return [
    {
      name: "stream-decode c",
      image: "c",
      ours: shell(`cat ${image("c")} | ${node} ${cli} stream-decode ${out}`),
      // What it is to be compared with is our own way from a file.
      peer: qcow("decode", image("c"), out),
      tool: ["bash", "cat"],
      output: out,
      compare: "output",
      targets: { ratio: 1.1 },
    },
    {
      name: "encode b to a pipe",
      image: "b",
      prepare: [["qemu-img", "convert", "-O", "raw", image("b"), raw]],
      reset: [["rm", "-f", out]],
      // That the bytes are right is shown by scripts/streams.mjs.
      ours: shell(`${node} ${cli} encode ${raw} - | cat`),
      peer: ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-W", "-m", "8", raw, out],
      tool: ["qemu-img", "bash", "cat"],
      targets: { ratio: 1.3 },
    },
  ];
}
