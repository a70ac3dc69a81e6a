/**
 * A media worker: `media.ts WORKER BIND FIRST-PORT LAST-PORT`, its bus on standard input and
 * output. It holds nothing but packets and the addresses of its relays, and ends with its parent.
 */
import { Cause, Effect, Logger } from "effect";
import * as Media from "../src/role/Media.ts";

const [worker = "m1", bind = "127.0.0.1", first = "10000", last = "19999"] = process.argv.slice(2);

const ports = { first: Number(first), last: Number(last) };
const program = Media.serve({ worker, bind, ports }, process.stdin, process.stdout);

// Standard output is the bus: whatever is said goes to standard error.
const toStandardError = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]);

// Ctrl-C reaches every process of a terminal: when media ends is the parent's decision.
for (const signal of process.platform === "win32" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {});
}

Effect.runPromiseExit(Effect.scoped(Effect.provide(program, toStandardError))).then((exit) => {
  if (exit._tag === "Failure") {
    const cause = Cause.squash(exit.cause);
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`tandem: media worker ${worker}: ${reason}\n`);
  }
  process.exit(exit._tag === "Success" ? 0 : 1);
});
