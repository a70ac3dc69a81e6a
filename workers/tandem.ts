/** The command line, and with `start` the embedded Tandem itself. */
import { NodeRuntime, NodeServices } from "@effect/platform-node";
import { Effect, Exit, Logger, Runtime } from "effect";
import { Command } from "effect/cli";
import * as Cli from "../src/cli/Cli.ts";
import * as Usage from "../src/cli/Usage.ts";
import * as Doctor from "../src/role/Doctor.ts";
import * as Embedded from "../src/role/Embedded.ts";

/** The launcher cannot pass SIGKILL on: when it is gone, we go. */
const launcher = Number(process.env["TANDEM_LAUNCHER_PID"] ?? 0);
const watchLauncher = Effect.sleep(1_000).pipe(
  Effect.repeat({ until: () => launcher !== 0 && process.ppid !== launcher }),
);

/** A failure as one line for a person; a stack says nothing to them. */
const explain = (error: { readonly message: string }): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`tandem: ${error.message}\n`);
    process.exitCode = 1;
  });

const tandem = Cli.make({
  start: (options) => Effect.raceFirst(Embedded.run(options), watchLauncher),
  examine: Doctor.atRest,
});

Command.run(tandem, { version: Embedded.version }).pipe(
  Effect.catchIf(
    (error): error is Extract<typeof error, { readonly message: string }> =>
      (error as { readonly _tag?: string })._tag !== "ShowHelp",
    explain,
  ),
  Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])),
  Effect.provide(Usage.layer),
  Effect.provide(NodeServices.layer),
  // Being told to stop is how a start ends well: 0, not 130.
  NodeRuntime.runMain({
    teardown: (exit, onExit) =>
      Exit.hasInterrupts(exit) ? onExit(0) : Runtime.defaultTeardown(exit, onExit),
  }),
);
