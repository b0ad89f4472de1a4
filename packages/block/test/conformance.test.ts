import { readOnly, withCounting, withPadding, withTracing } from "@qcow/block";
import { runBlockBackendSuite, runReadableBackendSuite } from "@qcow/block/testing";
import { describe, it } from "vitest";
import { ArrayBackend } from "./array-backend.js";

const runner = { describe, it };
const reopen = async (array: ArrayBackend) => new ArrayBackend(array.bytes);

let opened = new ArrayBackend();
const fresh = (): ArrayBackend => {
  opened = new ArrayBackend();
  return opened;
};

runBlockBackendSuite({
  ...runner,
  name: "an array",
  open: async () => fresh(),
  supports: { reopen: async () => reopen(opened) },
});

runBlockBackendSuite({
  ...runner,
  name: "withCounting",
  open: async () => withCounting(fresh()),
  supports: { reopen: async () => withCounting(await reopen(opened)) },
});

runBlockBackendSuite({
  ...runner,
  name: "withTracing",
  open: async () => withTracing(fresh(), () => undefined),
  supports: { reopen: async () => withTracing(await reopen(opened), () => undefined) },
});

runBlockBackendSuite({
  ...runner,
  name: "withPadding",
  open: async () => withPadding(fresh()),
  supports: { padding: true, reopen: async () => withPadding(await reopen(opened)) },
});

runReadableBackendSuite({
  ...runner,
  name: "readOnly",
  open: async (contents) => readOnly(new ArrayBackend(contents)),
});

runReadableBackendSuite({
  ...runner,
  name: "all decorators around readOnly",
  open: async (contents) =>
    withTracing(withPadding(withCounting(readOnly(new ArrayBackend(contents)))), () => undefined),
  supports: { padding: true },
});
