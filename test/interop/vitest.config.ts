import { defineConfig } from "vitest/config";

// Real processes on real ports: one file after the other, so that timing is the engine's own.
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    pool: "forks",
    include: ["test/interop/**/*.test.ts"],
    setupFiles: ["test/interop/Setup.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
