import type { ReadableBlockBackend } from "@qcow/block";
import { expect, it } from "vitest";
import { hasBackendScheme, openBackend, registerBackendScheme } from "../src/backend-registry.js";

it("opens a scheme through what was registered for it", async () => {
  const backend = { label: "here" } as ReadableBlockBackend;
  registerBackendScheme("test+mem", async (address) => {
    expect(address).toEqual({ scheme: "test+mem", location: "test+mem://x" });
    return backend;
  });
  expect(hasBackendScheme("test+mem")).toBe(true);
  expect(await openBackend("test+mem://x")).toBe(backend);
});

it("names the scheme that nothing is registered for, and how to get it", async () => {
  await expect(openBackend("gopher://host/disk.qcow2")).rejects.toMatchObject({
    code: "CLI_UNKNOWN_SCHEME",
    message: expect.stringContaining("gopher:"),
    hint: expect.stringContaining("plugins install"),
  });
});

it("refuses to register what could be a drive letter", () => {
  expect(() => registerBackendScheme("c", () => Promise.reject(new Error()))).toThrow(TypeError);
});
