// The one vitest configuration: every package passes it with `-c`. Workspace packages resolve to
// their sources, so that a test never runs against a stale build and coverage crosses packages.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const packages = fileURLToPath(new URL("./packages/", import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@qcow\/([a-z-]+)$/, replacement: `${packages}$1/src/index.ts` },
      { find: /^@qcow\/([a-z-]+)\/([a-z-]+)$/, replacement: `${packages}$1/src/$2/index.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    disableConsoleIntercept: true,
    // The results let `npm test` say what was skipped.
    reporters: ["default", "json"],
    outputFile: { json: ".turbo/vitest.json" },
  },
});
