// Owns watching how much memory a server has over time, and the judgement whether it grows.
const LOOK_MS = 500;
/** The heap breathes, and so does the pool of buffers. */
const GROWTH_MAX = 1.15;
const SLACK_BYTES = 16 * 1024 * 1024;
/** Of the time: until then caches fill. */
const WARM_UP = 0.1;

/** Looks at `server` until `stop()`, which gives the samples in bytes. */
export function watchMemory(server) {
  const samples = [];
  const timer = setInterval(
    () =>
      void server.rssBytes().then(
        (bytes) => samples.push(bytes),
        () => undefined,
      ),
    LOOK_MS,
  );
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
}

/** The means of the first and of the last third, and whether that is growth. */
export function growthOf(samples) {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const third = Math.max(1, Math.floor(warm.length / 3));
  const [first, last] = [mean(warm.slice(0, third)), mean(warm.slice(-third))];
  return { first, last, peak: Math.max(...samples), grows: last > first * GROWTH_MAX + SLACK_BYTES };
}

const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
