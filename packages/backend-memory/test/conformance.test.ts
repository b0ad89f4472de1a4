import { CrashingBackend, FaultyBackend, ManualClock, MemoryBackend } from "@qcow/backend-memory";
import { readOnly, withCounting, withPadding, withTracing } from "@qcow/block";
import { runBlockBackendSuite, runReadableBackendSuite, runTimeBackendSuite } from "@qcow/block/testing";
import { describe, it } from "vitest";

const runner = { describe, it };

let opened = new MemoryBackend();
const fresh = (): MemoryBackend => {
  opened = new MemoryBackend();
  return opened;
};
const again = (): MemoryBackend => opened.snapshot({ identity: opened.identity });

const decorators = {
  MemoryBackend: { wrap: (backend: MemoryBackend) => backend, padding: false },
  "MemoryBackend, counted": { wrap: (backend: MemoryBackend) => withCounting(backend), padding: false },
  "MemoryBackend, padded": { wrap: (backend: MemoryBackend) => withPadding(backend), padding: true },
  "MemoryBackend, traced": {
    wrap: (backend: MemoryBackend) => withTracing(backend, () => undefined),
    padding: false,
  },
  "FaultyBackend without faults": {
    wrap: (backend: MemoryBackend) => new FaultyBackend(backend),
    padding: false,
  },
};

for (const [name, { wrap, padding }] of Object.entries(decorators)) {
  runBlockBackendSuite({
    ...runner,
    name,
    open: async () => wrap(fresh()),
    supports: { padding, farOffsets: true, reopen: async () => wrap(again()) },
  });
}

let crashing = new CrashingBackend(new MemoryBackend());
runBlockBackendSuite({
  ...runner,
  name: "CrashingBackend",
  open: async () => {
    crashing = new CrashingBackend(new MemoryBackend());
    return crashing;
  },
  supports: { farOffsets: true, reopen: async () => new CrashingBackend(crashing.snapshot()) },
});

runReadableBackendSuite({
  ...runner,
  name: "MemoryBackend.fromBytes, read only",
  open: async (contents) => readOnly(MemoryBackend.fromBytes(contents)),
});

runTimeBackendSuite({
  ...runner,
  name: "ManualClock",
  open: () => new ManualClock(),
  advance: (clock, ms) => clock.advance(ms),
});
