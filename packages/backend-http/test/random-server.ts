// A server inside of the process, as a `fetch`, that answers rightly but for what chance does to it: faults, short
// answers, chunks of any size. Owns nothing of what is right to make of that.

import type { HttpFetch } from "@qcow/backend-http";

/** Numbers from 0 up to but not including `below`. */
export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = (seed * 0x9e3779b1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export interface RandomServer {
  readonly fetch: HttpFetch;
  /** Answers that are under way, and the most that ever were. */
  readonly open: { now: number; max: number };
}

/** Every `faultEvery`-th answer is a fault on average. */
export function randomServer(contents: Uint8Array, random: Random, faultEvery: number): RandomServer {
  const open = { now: 0, max: 0 };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const fetch: HttpFetch = async (_url, request) => {
    await turn();
    const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const start = Number(from);
    const asked = Math.min(Number(last) + 1, contents.length);
    const end = random(10) === 0 ? start + 1 + random(asked - start) : asked;
    const fault = random(faultEvery) === 0 ? random(4) : undefined;
    if (fault === 0) throw new TypeError("fetch failed");
    if (fault === 1) return new Response("sorry", { status: 503 });
    const stop = fault === 2 ? start + random(end - start) : end;
    const headers = { "content-range": `bytes ${start}-${end - 1}/${contents.length}`, etag: '"1"' };
    open.now += 1;
    open.max = Math.max(open.max, open.now);
    return new Response(bodyOf(start, stop, fault === 3), { status: 206, headers });
  };
  const bodyOf = (start: number, end: number, breaks: boolean): ReadableStream<Uint8Array> => {
    let at = start;
    return new ReadableStream({
      async pull(controller) {
        await turn();
        const next = Math.min(end, at + 1 + random(50_000));
        if (at < next) controller.enqueue(contents.slice(at, next));
        at = next;
        if (at < end && !(breaks && random(5) === 0)) return;
        open.now -= 1;
        if (at < end) controller.error(new TypeError("terminated"));
        else controller.close();
      },
      cancel() {
        open.now -= 1;
      },
    });
  };
  return { fetch, open };
}
