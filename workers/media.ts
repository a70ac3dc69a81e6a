/**
 * A media worker: `media.ts WORKER BIND FIRST-PORT LAST-PORT`, its bus on standard input and
 * output. It holds nothing but packets and the addresses of its relays, and ends with its parent.
 */
import { Cause, Effect, Logger } from "effect";
import { Bus } from "../src/bus/Bus.ts";
import * as Pipe from "../src/bus/Pipe.ts";
import * as Media from "../src/role/Media.ts";
import * as Counters from "../src/telemetry/Counters.ts";

const [worker = "m1", bind = "127.0.0.1", first = "10000", last = "19999"] = process.argv.slice(2);

const program = Effect.gen(function* () {
  const pipe = yield* Pipe.make(process.stdin, process.stdout);
  yield* Media.make({
    worker,
    bind,
    ports: { first: Number(first), last: Number(last) },
    counters: Counters.make(),
  }).pipe(Effect.provideService(Bus, pipe));
  yield* Effect.callback<void>((resume) => pipe.onClosed(() => resume(Effect.void)));
});

// Standard output is the bus: whatever is said goes to standard error.
const toStandardError = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]);

Effect.runPromiseExit(Effect.scoped(Effect.provide(program, toStandardError))).then((exit) => {
  if (exit._tag === "Failure") {
    process.stderr.write(`media worker ${worker}: ${Cause.squash(exit.cause)}\n`);
  }
  process.exit(exit._tag === "Success" ? 0 : 1);
});
