// Owns the jobs that read images from a server at some distance; what a job is, jobs.mjs says.
import { run } from "./tool.mjs";

/** Added round trips in milliseconds -> how often is enough: waiting varies little, and takes its time. */
export const ROUND_TRIPS = new Map([
  [20, 3],
  [100, 1],
]);

/** A map of 2,048 tables may take this long at the longest distance. */
const MANY_TABLES_MS = 20_000;

/** `url(roundTripMs, file)` is where the images are; without `qemuReadsHttp` there is no peer. */
export function httpJobs({ qcow, image, out, url, qemuReadsHttp }) {
  const tool = qemuReadsHttp ? ["qemu-img"] : ["qemu-block-extra"];
  const each = ([ms, roundsMost]) => {
    const at = (name) => url(ms, image(name));
    const job = (command, name, rest) => ({
      name: `http ${command} ${name} ${ms} ms`,
      image: name,
      tool,
      atServer: true,
      roundsMost,
      ...rest,
    });
    // More reads at once make qemu-img 7.2 wait for ever at the end of b, and slower with c: as many as serve it best.
    const decode = (name, coroutines, ratio) =>
      job("decode", name, {
        ours: qcow("decode", at(name), out),
        peer: ["qemu-img", "convert", "-f", "qcow2", "-W", "-m", coroutines, "-O", "raw", at(name), out],
        output: out,
        compare: "output",
        targets: { ratio },
      });
    return [
      job("map", "b", {
        ours: qcow("map", "--json", at("b")),
        peer: ["qemu-img", "map", "-f", "qcow2", "--output=json", at("b")],
        compare: "stdout",
        targets: { ratio: 0.5 },
      }),
      job("check", "b", {
        ours: qcow("check", at("b")),
        peer: ["qemu-img", "check", "-f", "qcow2", at("b")],
        targets: { ratio: 0.5 },
      }),
      decode("b", "1", 0.5),
      decode("c", "8", 0.2),
    ];
  };
  const longest = Math.max(...ROUND_TRIPS.keys());
  const manyTables = {
    name: `http map f ${longest} ms`,
    image: "f",
    tool: [],
    atServer: true,
    roundsMost: 1,
    ours: qcow("map", url(longest, image("f"))),
    targets: { wallMs: MANY_TABLES_MS },
  };
  return [...[...ROUND_TRIPS].flatMap(each), manyTables];
}

/** Whether qemu-img has what it reads URLs with: a module that Debian packages apart. */
export async function canQemuReadHttp() {
  const error = await run("qemu-img", ["info", "http://127.0.0.1:1/"]).then(
    () => "",
    (reason) => `${reason.stderr ?? reason}`,
  );
  return !/Unknown (protocol|driver)|ENOENT/.test(error);
}
