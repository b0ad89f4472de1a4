import { browserClock } from "@qcow/backend-browser";
import { expect, it } from "vitest";

it("tells the time of the host", () => {
  const clock = browserClock();
  expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(60_000);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(performance.now());
});
