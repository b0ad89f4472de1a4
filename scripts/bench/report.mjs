// Owns the verdicts and the printed table of the bench.

const MIB = 1024 * 1024;

/** Target name -> how to judge it: what was reached, how it reads, whether a peer is needed. */
const TARGETS = {
  ratio: { reached: (result) => result.ratio?.median, show: (value) => `x${value.toFixed(2)}` },
  rssBytes: {
    reached: (result) => result.ours.peakRssBytes,
    show: (value) => `${Math.ceil(value / MIB)} MiB`,
  },
  sizeRatio: { reached: (result) => result.sizeRatio, show: (value) => `size x${value.toFixed(3)}` },
  wallMs: {
    reached: (result) => result.ours.wallS.median * 1000,
    show: (value) => `${Math.round(value)} ms`,
  },
  userRatio: {
    reached: (result) => result.userRatio?.median,
    show: (value) => `user CPU x${value.toFixed(2)}`,
  },
};

/** Each target of a result with what was reached; `met` is undefined where it could not be judged. */
export function verdicts(result) {
  return Object.entries(result.targets).map(([name, target]) => {
    const { reached, show } = TARGETS[name];
    const value = reached(result);
    const known = value !== undefined && !Number.isNaN(value);
    return {
      target: `<= ${show(target)}`,
      reached: known ? show(value) : "unknown",
      met: known ? value <= target : undefined,
    };
  });
}

const COLUMNS = [19, 9, 9, 24, 7, 17, 13, 44];

/** The heading line. */
export const heading = line([
  "job",
  "qcow s",
  "peer s",
  "ratio (min-max)",
  "least",
  "CPU s",
  "RSS MiB",
  "target",
]);

/** One result as a line. */
export function row(result) {
  const { name, ours, peer, ratio } = result;
  const judged = verdicts(result).map((each) => `${each.target}: ${each.reached} ${word(each.met)}`);
  return line([
    name,
    ours.wallS.median.toFixed(3),
    peer?.wallS.median.toFixed(3) ?? "no peer",
    ratio ? `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})` : "-",
    // What a machine does beside only ever adds: the least times say most where the others scatter.
    peer ? (ours.wallS.min / peer.wallS.min).toFixed(2) : "-",
    both(ours, peer, ({ userS, sysS }) => known(userS.median + sysS.median)),
    both(ours, peer, ({ peakRssBytes }) => `${Math.ceil(peakRssBytes / MIB)}`),
    [...judged, ...speeds(result)].join("; ") || "report only",
  ]);
}

/** Operations and bytes in a second, ours and the peer's. */
function speeds({ operations, bytes, ours, peer }) {
  if (operations === undefined) return [];
  const perSecond = (amount) => both(ours, peer, ({ wallS }) => `${Math.round(amount / wallS.median)}`);
  return [`${perSecond(operations)} operations/s`, `${perSecond(bytes / 1e6)} MB/s`];
}

const both = (ours, peer, show) => (peer ? `${show(ours)} / ${show(peer)}` : show(ours));

const known = (seconds) => (Number.isNaN(seconds) ? "?" : seconds.toFixed(2));

const word = (met) => (met === undefined ? "not judged" : met ? "ok" : "MISSED");

function line(cells) {
  return cells
    .map((cell, index) => cell.padEnd(COLUMNS[index]))
    .join(" ")
    .trimEnd();
}
