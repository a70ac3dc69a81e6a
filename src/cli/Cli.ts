/** The command line: `tandem VERB`. Reads take `--json`; flags of `start` are also variables. */
import { readFileSync } from "node:fs";
import { Console, Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import type { Check } from "../../schemas/rpc/Rows.ts";
import * as Prometheus from "../telemetry/Prometheus.ts";
import { CommandFailed, use } from "./Client.ts";
import * as Flags from "./Flags.ts";
import * as Text from "./Text.ts";
import { run } from "./Usage.ts";

export interface StartOptions {
  readonly data: string;
  readonly directory: string | null;
  readonly bind: string;
  readonly sipPort: number;
  readonly tlsPort: number;
  readonly wssPort: number;
  readonly httpsPort: number;
  readonly rtpPorts: Flags.PortRange;
  /** Null: pages of every origin. */
  readonly wssOrigins: ReadonlyArray<string> | null;
}

/** What the process that runs this command line can do beyond asking a running one. */
export interface Abilities {
  readonly start: (options: StartOptions) => Effect.Effect<void, { readonly message: string }>;
  /** Checks that need no running Tandem. */
  readonly examine: (data: string) => Effect.Effect<ReadonlyArray<Check>>;
}

const data = Flags.data;
const json = Flags.json;
const tenant = Flags.tenant;

const print = (asJson: boolean, value: unknown, text: () => string): Effect.Effect<void> =>
  Console.log(asJson ? JSON.stringify(value, null, 1) : text());

const start = (abilities: Abilities) =>
  Command.make(
    "start",
    {
      data,
      directory: Flags.directory,
      bind: Flags.bind,
      sipPort: Flags.sipPort,
      tlsPort: Flags.tlsPort,
      wssPort: Flags.wssPort,
      httpsPort: Flags.httpsPort,
      rtpPorts: Flags.rtpPorts,
      wssOrigins: Flags.wssOrigins,
    },
    ({ directory, wssOrigins, ...rest }) =>
      abilities.start({
        ...rest,
        directory: Option.getOrNull(directory),
        wssOrigins: Option.getOrNull(Option.map(wssOrigins, (list) => list.split(","))),
      }),
  ).pipe(
    Command.withDescription("Start every role in this process and serve calls until it is stopped"),
    Command.withExamples([
      { command: "npm start", description: "Two demo phones on this machine" },
      {
        command: "npm start -- --bind 192.0.2.10 --directory office.json",
        description: "The phones of a directory, reachable from the network",
      },
    ]),
  );

const apply = Command.make(
  "apply",
  {
    file: Argument.String("file").pipe(Argument.withDescription("Directory file (JSON)")),
    data,
    json,
    remove: Flag.Boolean("remove").pipe(
      Flag.withDescription("Remove users, trunks and routes that the file does not name"),
      Flag.withDefault(false),
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Show the plan, change nothing"),
      Flag.withDefault(false),
    ),
  },
  Effect.fnUntraced(function* ({ data, dryRun, file, json, remove }) {
    const directory = yield* readJson(file);
    const changes = yield* use(
      data,
      (client) => client.ApplyDirectory({ directory, removals: remove, dryRun }),
    );
    yield* print(json, changes, () => Text.plan(changes, !dryRun));
  }),
).pipe(
  Command.withDescription("Apply a directory file to a running Tandem"),
  Command.withExamples([
    { command: `${run} apply office.json --dry-run`, description: "Show what would change" },
    { command: `${run} apply office.json`, description: "Change it; nothing is removed" },
  ]),
);

/** Reads a directory file; its content is checked by the core. */
export const readJson = (file: string): Effect.Effect<unknown, CommandFailed> =>
  Effect.try({
    try: (): unknown => JSON.parse(readFileSync(file, "utf8")),
    catch: (cause) =>
      new CommandFailed({
        reason: `the directory file ${file} cannot be read: ${reasonOf(cause)}`,
      }),
  });

const reasonOf = (cause: unknown): string => {
  if (cause instanceof SyntaxError) return `it is not JSON: ${cause.message}`;
  const { code, message } = cause as { readonly code?: string; readonly message?: string };
  return code === "ENOENT"
    ? "there is no such file"
    : code === "EISDIR"
    ? "it is a folder"
    : message ?? String(cause);
};

const calls = Command.make(
  "calls",
  { data, json, tenant },
  Effect.fnUntraced(function* ({ data, json, tenant }) {
    const rows = yield* use(
      data,
      (client) => client.ListCalls({ tenant: Option.getOrNull(tenant) }),
    );
    yield* print(json, rows, () => Text.calls(rows));
  }),
).pipe(
  Command.withDescription("Live calls"),
  Command.withExamples([
    { command: `${run} calls`, description: "A table of the calls that are up or being set up" },
  ]),
);

const call = Command.make(
  "call",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription("The call, as calls and cdr name it"),
    ),
    data,
    json,
  },
  Effect.fnUntraced(function* ({ data, id, json }) {
    const shown = yield* use(data, (client) => client.ShowCall({ call: id }));
    if (shown.call === null && shown.cdr === null && shown.records.length === 0) {
      return yield* new CommandFailed({
        reason: `there is no call ${Text.mask(id)}; "${run} calls" lists live calls and ` +
          `"${run} cdr" ended ones`,
      });
    }
    yield* print(json, shown, () => Text.ladder(shown));
  }),
).pipe(
  Command.withDescription("One call: its SIP messages and its actor's records side by side"),
  Command.withExamples([
    { command: `${run} call gmzdknzxgi3tcnrq`, description: "The id is that of calls and cdr" },
  ]),
);

const cdr = Command.make(
  "cdr",
  {
    data,
    json,
    tenant,
    limit: Flags.limit,
  },
  Effect.fnUntraced(function* ({ data, json, limit, tenant }) {
    const rows = yield* use(
      data,
      (client) => client.ListCdrs({ tenant: Option.getOrNull(tenant), limit }),
    );
    yield* print(json, rows, () => Text.cdrs(rows));
  }),
).pipe(
  Command.withDescription("Ended calls, the newest first"),
  Command.withExamples([
    { command: `${run} cdr --limit 20`, description: "The last twenty" },
    { command: `${run} cdr --json`, description: "For programs" },
  ]),
);

const doctor = (abilities: Abilities) =>
  Command.make(
    "doctor",
    {
      data,
      json,
      counters: Flag.Boolean("counters").pipe(
        Flag.withDescription("Also what was counted: messages, refusals by cause, connections"),
        Flag.withDefault(false),
      ),
      prometheus: Flag.Boolean("prometheus").pipe(
        Flag.withDescription("Print only the counters, in the text format of Prometheus"),
        Flag.withDefault(false),
      ),
    },
    Effect.fnUntraced(function* ({ counters, data, json, prometheus }) {
      if (prometheus) {
        const examined = yield* use(data, (client) => client.Examine());
        // The format ends each line itself.
        return yield* Console.log(Prometheus.print(examined.counters).trimEnd());
      }
      const own = yield* abilities.examine(data);
      const running = yield* use(data, (client) => client.Examine()).pipe(
        Effect.catch(({ reason }) =>
          Effect.succeed({
            checks: [{ name: "running", verdict: "warning" as const, detail: reason }],
            counters: [],
          })
        ),
      );
      const checks = [...own, ...running.checks];
      yield* print(json, { checks, counters: running.counters }, () =>
        counters
          ? `${Text.checks(checks)}\n\n${Text.counters(running.counters)}`
          : Text.checks(checks));
      if (
        checks.some(({ verdict }) =>
          verdict === "bad"
        )
      ) {
        return yield* new CommandFailed({ reason: "there is something to mend" });
      }
    }),
  ).pipe(
    Command.withDescription("Check this machine, the data folder and the running Tandem"),
    Command.withExamples([
      { command: `${run} doctor`, description: "One line for each check" },
      { command: `${run} doctor --counters`, description: "And what was refused, and why" },
      { command: `${run} doctor --prometheus`, description: "For a collector of text files" },
    ]),
  );

export const make = (abilities: Abilities) =>
  Command.make("tandem").pipe(
    Command.withDescription(
      `Tandem, a distributed call engine. From its folder, "tandem" is: ${run}`,
    ),
    Command.withSubcommands([
      start(abilities),
      apply,
      calls,
      call,
      cdr,
      doctor(abilities),
    ]),
  );
