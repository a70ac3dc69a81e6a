import { defineConfig } from "vitest/config";

// Run by Deno (deploy/launch.mjs): worker threads do not work there, forks do.
export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: {
    pool: "forks",
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**", "test/prove/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
