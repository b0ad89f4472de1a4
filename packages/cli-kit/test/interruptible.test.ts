import { expect, it } from "vitest";
import { interruptible } from "../src/interruptible.js";

async function* numbers(): AsyncGenerator<number, void, void> {
  for (let number = 0; ; number++) yield number;
}

it("lets timers in between the steps of an endless loop that never waits", async () => {
  let stop = false;
  setTimeout(() => {
    stop = true;
  }, 1);
  let seen = 0;
  for await (const _number of interruptible(numbers())) {
    seen++;
    if (stop) break;
  }
  expect(seen).toBeGreaterThan(0);
});
