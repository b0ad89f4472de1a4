import { systemClock } from "@qcow/backend-node";
import { expect, it } from "vitest";

it("tells the time of the host", () => {
  expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(60_000);
  expect(systemClock.monotonicMs()).toBeLessThanOrEqual(performance.now());
});
