// Lets everything run that can. Owns no clock: a message to itself takes the shortest way round the event loop, and
// comes after everything that needs no disk.

import { MessageChannel } from "node:worker_threads";

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.on("message", () => {
  // It must not keep the process alive when nobody waits.
  port1.unref();
  waiting.shift()?.();
});
port1.unref();

/** Resolves once nothing can go on any more without an operation of a disk ending. */
export async function quiet(): Promise<void> {
  // Twice, since what runs may itself wait for a turn.
  await turn();
  await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    port1.ref();
    port2.postMessage(0);
  });
}

/**
 * Resolves after one way round the event loop: a channel of its own, since messages of one channel are handed out many at
 * a time. For those who wait for something that itself gives the host a turn.
 */
export function roundTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    const { port1: receiver, port2: sender } = new MessageChannel();
    receiver.once("message", () => {
      receiver.close();
      resolve();
    });
    sender.postMessage(0);
  });
}
