// Lets the host do what waits (signals, timers, other requests) in the midst of long work that needs no I/O.
// Owns no clock: a message to itself is the shortest way round the event loop that every host has.

/** Resolves once the host has had its turn. */
export function yieldToHost(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
