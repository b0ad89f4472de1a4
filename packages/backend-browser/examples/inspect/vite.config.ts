// How the page is bundled. Owns what its Content-Security-Policy asks of the bundle: no inline code, no data: addresses.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
