// Owns what the example dashboard asks Prometheus, with its variables filled in.
import { readFileSync } from "node:fs";

const DASHBOARD = new URL("../../packages/plugin-prometheus/examples/dashboard.json", import.meta.url);

/** All expressions, each with the title of its panel. `range` stands for what Grafana makes of the shown time. */
export function dashboardExpressions(range) {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, "utf8"));
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expression: expr.replaceAll("$__rate_interval", range).replaceAll("$id", ".*"),
    })),
  );
}
