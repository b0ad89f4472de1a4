// Owns the choice of an image: format options, size, what it stands on. Does not make it.

const MIB = 1024 * 1024;

/** A random image to start from. Every combination is one that QEMU makes, too. */
export function pickGeometry(random) {
  const version = random.oneIn(4) ? 2 : 3;
  const extendedL2 = version === 3 && random.oneIn(4);
  const clusterBits = extendedL2 ? random.pick([14, 16, 17]) : random.pick([9, 10, 12, 16, 16, 18, 21]);
  const clusterSize = 2 ** clusterBits;
  const refcountBits = version === 3 ? random.pick([1, 2, 4, 8, 16, 16, 32, 64]) : 16;
  const sectors = random.below(Math.min(clusterSize * 200, 6 * MIB) / 512) + 1;
  const backing = random.oneIn(3);
  const dataFile = !backing && version === 3 && random.oneIn(6);
  return {
    version,
    extendedL2,
    clusterSize,
    refcountBits,
    size: sectors * 512,
    lazyRefcounts: version === 3 && random.oneIn(2),
    zstd: version === 3 && random.oneIn(4),
    backingBytes: backing ? Math.max(512, Math.floor((sectors * random.below(200)) / 100) * 512) : undefined,
    dataFile: dataFile ? (random.oneIn(2) ? "raw" : "mapped") : undefined,
    snapshot: !dataFile && refcountBits > 1 && random.oneIn(3),
    madeByQemu: random.oneIn(2),
  };
}

/** The options of `qemu-img create -o` that make the same image. */
export function qemuOptions(geometry, dataPath) {
  const onOff = (flag) => (flag ? "on" : "off");
  const options = [
    `compat=${geometry.version === 2 ? "0.10" : "1.1"}`,
    `cluster_size=${geometry.clusterSize}`,
  ];
  if (geometry.version === 3) {
    options.push(
      `refcount_bits=${geometry.refcountBits}`,
      `extended_l2=${onOff(geometry.extendedL2)}`,
      `lazy_refcounts=${onOff(geometry.lazyRefcounts)}`,
      `compression_type=${geometry.zstd ? "zstd" : "zlib"}`,
    );
  }
  if (geometry.dataFile)
    options.push(`data_file=${dataPath}`, `data_file_raw=${onOff(geometry.dataFile === "raw")}`);
  return options.join(",");
}

/** A geometry in a line, for messages. */
export function describe(geometry) {
  return Object.entries(geometry)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
