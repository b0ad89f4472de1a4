import { expect, test } from "vitest";
import { CacheShare } from "../src/tables/cache-share.js";

test("the caches of a chain share what one would have alone", () => {
  const share = new CacheShare(1200);
  share.join();
  expect(share.bytesEach).toBe(1200);
  for (let cache = 2; cache <= 60; cache++) share.join();
  expect(share.bytesEach).toBe(20);
});
