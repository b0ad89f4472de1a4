// Owns the list of option combinations that new images are made with. Does not know what should come of them: QEMU does.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;
const PiB = 1024 * TiB;

const CLUSTER_SIZES = [512, 4 * KiB, 8 * KiB, 16 * KiB, 64 * KiB, 2 * MiB];
const REFCOUNT_BITS = [1, 2, 4, 8, 16, 32, 64];
const SIZES = [0, 1, 511, 512, 1000 * KiB, MiB + 512, GiB, TiB, 64 * TiB, PiB, 2 * PiB, 3 * PiB];
const BACKINGS = ["none", "raw", "qcow2"];
const DATA_FILES = ["none", "plain", "raw"];
const PREALLOCATIONS = ["off", "metadata", "falloc", "full"];
/** QEMU takes its time with many small clusters. */
const MAPPED_CLUSTERS_MAX = 20_000;

const PLAIN = {
  size: 1000 * KiB,
  clusterSize: 64 * KiB,
  refcountBits: 16,
  compat: "1.1",
  extendedL2: false,
  lazy: false,
  compression: "zlib",
  preallocation: "off",
  backing: "none",
  dataFile: "none",
};

/** All combinations of the members of `choices`, on top of `base`. */
function product(choices, base = PLAIN) {
  return Object.entries(choices).reduce(
    (cases, [key, values]) => cases.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [base],
  );
}

/** What an image may have, with each other. */
function features() {
  const kinds = { preallocation: PREALLOCATIONS, backing: BACKINGS, dataFile: DATA_FILES };
  const all = product({
    clusterSize: [512, 4 * KiB, 16 * KiB, 64 * KiB],
    extendedL2: [false, true],
    ...kinds,
  });
  const large = all.filter(({ clusterSize }) => clusterSize > 4 * KiB);
  const old = product({ clusterSize: [512, 64 * KiB], compat: ["0.10"], ...kinds });
  const flags = product({
    compat: ["0.10", "1.1"],
    extendedL2: [false, true],
    lazy: [false, true],
    compression: ["zlib", "zstd"],
    preallocation: ["off", "metadata"],
  });
  return [
    ...all.map((one, index) => ({ ...one, ...inTurn(index) })),
    ...large.map((one, index) => ({ ...one, ...inTurn(index + 1), lazy: true, compression: "zstd" })),
    ...old,
    ...flags,
  ];
}

/** The width of refcounts goes with everything in turn. */
function inTurn(index) {
  return { refcountBits: REFCOUNT_BITS[index % REFCOUNT_BITS.length] };
}

function sizes() {
  const all = product({ size: SIZES, clusterSize: CLUSTER_SIZES });
  const empty = all.map((one, index) => ({ ...one, ...inTurn(index) }));
  const extended = product({ size: SIZES, clusterSize: CLUSTER_SIZES, extendedL2: [true] });
  const old = product({ size: SIZES, clusterSize: CLUSTER_SIZES, compat: ["0.10"] });
  const mapped = empty.map((one) => ({ ...one, preallocation: "metadata" }));
  const isQuick = ({ size, clusterSize }) => size / clusterSize <= MAPPED_CLUSTERS_MAX;
  return [...empty, ...extended, ...old, ...mapped.filter(isQuick)];
}

/** Values that no image has. */
function impossible() {
  return [
    ...product({ clusterSize: [0, 256, 5000, 4 * MiB], compat: ["0.10", "1.1"] }),
    ...product({ refcountBits: [0, 3, 128], compat: ["0.10", "1.1"] }),
    ...product({ refcountBits: REFCOUNT_BITS, compat: ["0.10"] }),
  ];
}

/** A few that take long, each for its own reason. */
function large() {
  return [
    { ...PLAIN, size: 64 * GiB, preallocation: "metadata" },
    { ...PLAIN, size: TiB, clusterSize: 2 * MiB, preallocation: "metadata" },
    { ...PLAIN, size: TiB, clusterSize: 2 * MiB, preallocation: "metadata", extendedL2: true },
    { ...PLAIN, size: 64 * MiB, preallocation: "full" },
    { ...PLAIN, size: 256 * MiB, preallocation: "falloc" },
    { ...PLAIN, size: 32 * GiB, clusterSize: 512 },
    { ...PLAIN, size: 64 * TiB, clusterSize: 16 * KiB, extendedL2: true },
  ];
}

/** A name of a case that tells it from all others. */
export function nameOf(one) {
  const changed = Object.entries(one).filter(([key, value]) => PLAIN[key] !== value);
  return changed.map(([key, value]) => `${key}=${value}`).join(",") || "plain";
}

/** All cases, each once. */
export function createCases() {
  const cases = [...large(), ...sizes(), ...features(), ...impossible()];
  return [...new Map(cases.map((one) => [nameOf(one), one])).values()];
}
