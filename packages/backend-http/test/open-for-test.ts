// Opens a backend as the tests need it: on a clock that stands still but for waits before another try, which pass at
// once, and with a record of what happened.

import { type HttpBackend, type HttpEvent, type HttpOptions, openHttp } from "@qcow/backend-http";
import { ManualClock } from "@qcow/backend-memory";

export interface Opened {
  readonly backend: HttpBackend;
  readonly events: HttpEvent[];
  readonly clock: ManualClock;
}

/** Options with a clock and a record, for who wants to see the opening fail. */
export function testOptions(options: Partial<HttpOptions> = {}): {
  options: HttpOptions;
  events: HttpEvent[];
  clock: ManualClock;
} {
  const clock = new ManualClock({ wallMs: Date.UTC(2030, 0, 1) });
  const events: HttpEvent[] = [];
  const onEvent = (event: HttpEvent) => {
    events.push(event);
    if (event.kind === "retry") queueMicrotask(() => void clock.advance(event.delayMs));
  };
  return { options: { time: clock, random: () => 0, openBytes: 4096, onEvent, ...options }, events, clock };
}

export async function openForTest(url: string, overrides: Partial<HttpOptions> = {}): Promise<Opened> {
  const { options, events, clock } = testOptions(overrides);
  return { backend: await openHttp(url, options), events, clock };
}

export async function readAt(backend: HttpBackend, offset: number, length: number): Promise<Uint8Array> {
  const target = new Uint8Array(length);
  await backend.read(offset, target);
  return target;
}

/** Resolves when `condition` holds, giving the network its turns until then. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Bytes without a pattern. */
export function sampleBytes(length: number): Uint8Array {
  let state = 0x9e3779b9;
  return new Uint8Array(length).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  });
}

/** As `toEqual`, without printing thousands of numbers. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  if (actual.length !== expected.length || at !== -1)
    throw new Error(
      `${actual.length} bytes, ${expected.length} expected; the first that differs is at ${at}`,
    );
}
