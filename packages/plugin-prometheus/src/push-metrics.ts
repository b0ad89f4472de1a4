// Pushes metrics to a Pushgateway. Owns the group that they replace there, and that a failure says nothing that is secret.

import { hostname } from "node:os";
import { Pushgateway, type Registry } from "prom-client";
import type { PushTarget } from "./push-target.js";

const JOB = "qcow";
const TIMEOUT_MS = 10_000;

export interface PushGroup {
  readonly command: string;
  /** The label that the user has chosen for the image. */
  readonly id: string | undefined;
}

/** Replaces what this machine has pushed for the same command, and the same image if that has a name. */
export async function pushMetrics(
  registry: Registry,
  { url, shown }: PushTarget,
  { command, id }: PushGroup,
): Promise<void> {
  const groupings = { instance: hostname(), command, ...(id === undefined ? {} : { id }) };
  const gateway = new Pushgateway(url, { timeout: TIMEOUT_MS }, registry);
  try {
    await gateway.push({ jobName: JOB, groupings });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // What a server answers is its own; of all else only the system's code is sure to have no address in it.
    const why = /^push failed with status ([0-9]+)/.exec(message)?.[0] ?? code ?? "no answer";
    throw new Error(`metrics could not be pushed to ${shown}: ${why}`);
  }
}
