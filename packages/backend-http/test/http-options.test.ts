import { HttpBudget, openHttp } from "@qcow/backend-http";
import { expect, it } from "vitest";
import { testOptions } from "./open-for-test.js";

it.each([
  { parallel: 0 },
  { openBytes: 0 },
  { tries: 0.5 },
  { gapBytes: -1 },
  { requestBytesMax: 1000 },
  { idleTimeoutMs: Number.NaN },
])("an option that cannot be is refused: %o", async (wrong) => {
  const { options } = testOptions(wrong);
  const opening = openHttp("http://example.org/", options);
  await expect(opening).rejects.toMatchObject({
    code: "BACKEND_BAD_RANGE",
    message: new RegExp(Object.keys(wrong)[0] ?? ""),
  });
});

it("a budget that cannot be is refused", () => {
  for (const wrong of [{ maxBytes: -1 }, { maxRequests: 0.5 }])
    expect(() => new HttpBudget(wrong)).toThrowError(expect.objectContaining({ code: "BACKEND_BAD_RANGE" }));
});

it.each([
  ["not an address", "BACKEND_NOT_FOUND"],
  ["ftp://example.org/disk", "BACKEND_UNSUPPORTED"],
  ["file:///etc/passwd", "BACKEND_UNSUPPORTED"],
])("an address that is none for HTTP is refused: %s", async (url, code) => {
  const { options } = testOptions();
  await expect(openHttp(url, options)).rejects.toMatchObject({ code });
});
