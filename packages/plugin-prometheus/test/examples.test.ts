import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { QcowMetrics } from "@qcow/metrics";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { addCommandMetrics } from "../src/command-metrics.js";
import { addProcessMetrics } from "../src/process-metrics.js";

const EXAMPLES = fileURLToPath(new URL("../examples/", import.meta.url));
const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(`${EXAMPLES}dashboard.json`, "utf8")) as {
  readonly panels: readonly Panel[];
};
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const alerts = [
  ...readFileSync(`${EXAMPLES}alerts.yml`, "utf8").matchAll(/expr: (?:>-\n)?([\s\S]*?)\n {8}[a-z]+:/g),
].map(([, expr]) => expr as string);

/** Names of everything that qcow can tell. */
async function known(): Promise<Set<string>> {
  const metrics = new QcowMetrics();
  void metrics.nbd;
  metrics.http(() => ({
    requests: 0,
    bytesReceived: 0,
    bytesOverRead: 0,
    cacheHits: 0,
    retries: 0,
    redirects: 0,
  }));
  const others = new Registry();
  addProcessMetrics(others, { version: "", startSeconds: 0 });
  addCommandMetrics(others, {
    exitCode: 0,
    error: undefined,
    interrupted: false,
    command: "info",
    durationSeconds: 0,
    endSeconds: 0,
  });
  const text = (await metrics.text()) + (await others.metrics());
  return new Set([...text.matchAll(/^# TYPE ([^ ]+)/gm)].map(([, name]) => name as string));
}

function namesIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:qcow|process|Mirage)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ""));
}

it("every expression of the dashboard and of the alerts is about metrics that exist", async () => {
  const all = await known();
  expect(expressions.length).toBeGreaterThan(40);
  expect(alerts).toHaveLength(9);
  for (const expr of [...expressions, ...alerts]) {
    const unknown = namesIn(expr).filter((name) => !all.has(name));
    expect({ expr, unknown }).toEqual({ expr, unknown: [] });
  }
});

it("the dashboard shows every metric but those of commands that have ended", async () => {
  const shown = new Set(expressions.flatMap(namesIn));
  const missing = [...(await known())].filter(
    (name) => !shown.has(name) && !name.startsWith("qcow_command_"),
  );
  expect(missing).toEqual(["qcow_build_info"]);
});

it("panels lie side by side and below each other, not over each other", () => {
  const panels = dashboard.panels as unknown as readonly {
    readonly id: number;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }[];
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const a of panels)
    for (const b of panels) {
      const [p, q] = [a.gridPos, b.gridPos];
      const isApart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y || q.y + q.h <= p.y;
      expect(a === b || isApart).toBe(true);
    }
});

describe.skipIf(!hasPromtool)("promtool (needs promtool)", () => {
  it.each([
    ["check", "config", "prometheus.yml"],
    ["check", "rules", "alerts.yml"],
    ["test", "rules", "alerts-test.yml"],
  ])("%s %s has nothing to say about %s", (...args) => {
    const { status, stderr } = spawnSync("promtool", args, { cwd: EXAMPLES, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
