// Repairs that are cut off: whatever a crash leaves of their writes, what could be read reads the same, and the next
// repair ends where this one would have. No cluster in use loses the refcount that keeps others from taking it. A failure
// names its seed.

import { describe, expect, test } from "vitest";
import { repairImage } from "../../src/index.js";
import type { BuiltImage } from "../built-image.js";
import { naiveRecount } from "../naive-recount.js";
import { forSeeds, modelRuns, type Random } from "../random.js";
import { randomImage } from "../random-image.js";
import { DAMAGES, type Damage } from "./damages.js";
import { type Contents, expectNothingLost, readableContents } from "./readable-contents.js";
import { RecordedBackend } from "./recorded-backend.js";

const RUNS = 4;

// Small clusters: what is tested does not depend on their size, and there are many states to look at.
async function damaged(damage: Damage, random: Random): Promise<{ image: BuiltImage; ids: string[] }> {
  for (;;) {
    const extendedL2 = random.chance(0.3);
    const version = extendedL2 || random.chance(0.8) ? 3 : 2;
    const clusterBits = extendedL2 ? 14 : random.between(9, 12);
    const clusters = extendedL2 ? 6 : random.between(10, 80);
    const size = clusters * 2 ** clusterBits - 512 * random.below(4);
    const builder = await randomImage(random, { version, extendedL2, clusterBits, size });
    const image = await builder.build();
    if (damage.suits?.(image) === false) continue;
    await damage.apply(image, random);
    return { image, ids: builder.snapshots.map(({ snapshot }) => snapshot.id) };
  }
}

const problems = (report: { leaks: number; corruptions: number; checkErrors: number }): number =>
  report.leaks + report.corruptions + report.checkErrors;

/** Clusters with more references than their refcount says: a writer could take them. */
function unprotected(file: BuiltImage["backend"]): Set<number> {
  const { references, stored } = naiveRecount(file.toBytes());
  return new Set(
    [...references].filter(([host, count]) => (stored.get(host) ?? 0n) < count).map(([host]) => host),
  );
}

async function survivesCrashes(
  { image, ids }: { image: BuiltImage; ids: string[] },
  before: Contents,
  strayBlock: boolean,
  random: Random,
): Promise<void> {
  const contents = (file: BuiltImage["backend"]) => readableContents(file, image.data, ids);
  const unprotectedBefore = unprotected(image.backend);
  const recorded = new RecordedBackend(image.backend);
  const { after } = await repairImage(recorded, { mode: "all" });
  expectNothingLost(before, await contents(image.backend), "after the repair");
  for (let steps = 0; steps <= recorded.stepCount; steps++) {
    const files = [await recorded.inOrder(steps)];
    for (let count = 0; count < 3; count++) files.push(await recorded.torn(steps, random));
    for (const [number, file] of files.entries()) {
      const when = `after a crash behind ${steps} of ${recorded.stepCount} steps (${number})`;
      expectNothingLost(before, await contents(file), when);
      const exposed = [...unprotected(file)].filter((host) => !unprotectedBefore.has(host));
      if (!strayBlock) expect(exposed, `${when}, clusters without protection`).toEqual([]);
      const again = await repairImage(file, { mode: "all" });
      expect(
        problems(again.after),
        `${when}: ${JSON.stringify(again.after.findings[0])}`,
      ).toBeLessThanOrEqual(problems(after));
      expectNothingLost(before, await contents(file), `${when} and a second repair`);
    }
  }
}

describe("a repair that a crash cuts off loses nothing and can be done again:", () => {
  test.each(DAMAGES)("$title", { timeout: 120_000 }, async (damage) => {
    await forSeeds(modelRuns(RUNS), async (random) => {
      const broken = await damaged(damage, random);
      const before = await readableContents(broken.image.backend, broken.image.data, broken.ids);
      await survivesCrashes(broken, before, damage.strayBlock === true, random);
    });
  });
});
