// Lets the host do what waits (signals, timers, other requests) in the midst of long work that needs no I/O.
// Owns no clock: where the host has no call for that, a message to itself is the shortest way round the event loop.

/** Node.js has this, and it takes a hundredth of the time of a message. Taken before anybody may put another in its place. */
const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => unknown };

/** Resolves once the host has had its turn. */
export function yieldToHost(): Promise<void> {
  return new Promise(afterTurn);
}

/** Calls `task` once the host has had its turn: for those who do it so often that promises would be felt. */
export const afterTurn: (task: () => void) => void =
  setImmediate === undefined ? byMessage : (task) => void setImmediate(task);

// A channel for each: a host may hand on messages as long as there are any, before it does anything else.
function byMessage(task: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    task();
  };
  port2.postMessage(0);
}
