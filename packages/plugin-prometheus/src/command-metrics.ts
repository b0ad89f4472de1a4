// Metrics of the command itself, for those who look at them after it has ended. Owns names and help.

import type { RunOutcome } from "@qcow/cli-kit";
import { Gauge, type Registry } from "prom-client";

export interface CommandEnd extends RunOutcome {
  readonly command: string;
  readonly durationSeconds: number;
  /** Seconds since 1970. */
  readonly endSeconds: number;
}

export function addCommandMetrics(registry: Registry, end: CommandEnd): void {
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name, help, labelNames: ["command"], registers: [registry] }).set(
      { command: end.command },
      value,
    );
  };
  gauge("qcow_command_success", "Whether the command did its work: exit code 0.", end.exitCode === 0 ? 1 : 0);
  gauge("qcow_command_exit_code", "What the command ended with.", end.exitCode);
  gauge("qcow_command_interrupted", "Whether somebody ended the command.", end.interrupted ? 1 : 0);
  gauge("qcow_command_duration_seconds", "How long the command ran.", end.durationSeconds);
  gauge("qcow_command_end_timestamp_seconds", "When the command ended, since 1970.", end.endSeconds);
}
