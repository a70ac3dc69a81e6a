/**
 * Run by Node 26, which strips types itself: loads every module that must not need Deno, and says
 * which did not load. Usage: node portable.mjs FILE...
 */
import { pathToFileURL } from "node:url";

let failed = 0;
for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    failed += 1;
    process.stdout.write(`${file} does not load on Node ${process.versions.node}: `);
    process.stdout.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
process.stdout.write(`${JSON.stringify({ failed })}\n`);
// A module that starts something at its import would keep the process alive.
process.exit(failed === 0 ? 0 : 1);
