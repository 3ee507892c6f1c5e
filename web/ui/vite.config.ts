// Builds the dashboard into one folder of static files that the node embeds and serves.
import { defineConfig } from "vite";

export default defineConfig({
  // Relative: a proxy may serve the dashboard below a path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: process.env["CONSORT_UI_OUT"] ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "safari17.5", "firefox120"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
    reportCompressedSize: true,
  },
});
