import { setImmediate } from "node:timers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

/** The module as a host loads it that has setImmediate, or has not. */
const HOSTS = { "a host with setImmediate": setImmediate, "a host without": undefined };

describe.each(Object.entries(HOSTS))("%s", (_name, immediate) => {
  beforeEach(() => {
    vi.resetModules();
    vi.stubGlobal("setImmediate", immediate);
  });
  afterEach(() => vi.unstubAllGlobals());

  test("gets its turn each time, however many wait for it", async () => {
    const { yieldToHost } = await import("../src/yield-to-host.js");
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    for (let round = 0; round < 50; round++) await Promise.all([yieldToHost(), yieldToHost()]);
    clearImmediate(timer);
    expect(turns).toBeGreaterThanOrEqual(49);
  });
});
