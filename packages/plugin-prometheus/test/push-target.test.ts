import { expect, it } from "vitest";
import { parsePushTarget } from "../src/push-target.js";

it("what is shown of an address has no user, no password and no query", () => {
  const url = "https://user:secret@gateway.example:9091/prefix?token=secret#secret";
  expect(parsePushTarget(url)).toEqual({ url, shown: "https://gateway.example:9091/prefix" });
});

it.each(["", "gateway:secret", "ftp://user:secret@gateway"])(
  "%s is refused without being repeated",
  (url) => {
    expect(() => parsePushTarget(url)).toThrow(/^--metrics-push wants (?!.*secret)/);
  },
);
