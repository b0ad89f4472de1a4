import { BackendError, isBackendError } from "@qcow/block";
import { describe, expect, it } from "vitest";

describe("BackendError", () => {
  it("carries code, place and cause", () => {
    const cause = new Error("deeper");
    const error = new BackendError("BACKEND_IO", "broken", { label: "disk", offset: 4, length: 2, cause });
    expect(error).toMatchObject({
      name: "BackendError",
      code: "BACKEND_IO",
      label: "disk",
      offset: 4,
      length: 2,
      cause,
    });
    expect("cause" in new BackendError("BACKEND_IO", "broken")).toBe(false);
  });

  it("keeps its message on one line, whatever name is in it", () => {
    const error = new BackendError("BACKEND_IO", "cannot read a\nb\u001b[31mc\u202ed\u2028é: broken");
    expect(error.message).toBe("cannot read a\\x0ab\\x1b[31mc\\u202ed\\u2028é: broken");
  });

  it("is recognised by its name and code, also when another copy of the class made it", () => {
    const error = new BackendError("BACKEND_CLOSED", "closed");
    const foreign = Object.assign(new Error("closed"), { name: "BackendError", code: "BACKEND_CLOSED" });
    for (const known of [error, foreign]) {
      expect(isBackendError(known)).toBe(true);
      expect(isBackendError(known, "BACKEND_IO", "BACKEND_CLOSED")).toBe(true);
      expect(isBackendError(known, "BACKEND_IO")).toBe(false);
    }
    expect(isBackendError(new Error("closed"))).toBe(false);
    expect(isBackendError({ name: "BackendError" })).toBe(false);
  });
});
