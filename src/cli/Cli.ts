/** The command line: `tandem VERB`. Reads take `--json`; every flag is also a TANDEM_ variable. */
import { readFileSync } from "node:fs";
import { Config, Console, Effect, Option, Schema } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import type { Check } from "../../schemas/rpc/Rows.ts";
import * as Prometheus from "../telemetry/Prometheus.ts";
import { CommandFailed, use } from "./Client.ts";
import * as Text from "./Text.ts";

export interface StartOptions {
  readonly data: string;
  readonly directory: string | null;
  readonly bind: string;
  readonly sipPort: number;
  readonly tlsPort: number;
  readonly wssPort: number;
  readonly httpsPort: number;
  readonly rtpPorts: { readonly first: number; readonly last: number };
  /** Null: pages of every origin. */
  readonly wssOrigins: ReadonlyArray<string> | null;
}

/** What the process that runs this command line can do beyond asking a running one. */
export interface Abilities {
  readonly start: (options: StartOptions) => Effect.Effect<void, { readonly message: string }>;
  /** Checks that need no running Tandem. */
  readonly examine: (data: string) => Effect.Effect<ReadonlyArray<Check>>;
}

const data = Flag.String("data").pipe(
  Flag.withDescription("Data folder"),
  Flag.withFallbackConfig(Config.String("TANDEM_DATA")),
  Flag.withDefault("data"),
);

const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON"),
  Flag.withDefault(false),
);

const tenant = Flag.String("tenant").pipe(
  Flag.withDescription("Only this tenant"),
  Flag.optional,
);

const port = (name: string, variable: string, usual: number, what: string) =>
  Flag.Int(name).pipe(
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))),
    Flag.withDescription(`${what} (0: any free port)`),
    Flag.withFallbackConfig(Config.Int(variable)),
    Flag.withDefault(usual),
  );

const print = (asJson: boolean, value: unknown, text: () => string): Effect.Effect<void> =>
  Console.log(asJson ? JSON.stringify(value, null, 1) : text());

/** `10000-19999`. */
const portRange = (text: string): StartOptions["rtpPorts"] | undefined => {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return first !== undefined && range.first >= 1024 && range.last <= 65_535 &&
      range.last - range.first >= 3
    ? range
    : undefined;
};

const start = (abilities: Abilities) =>
  Command.make(
    "start",
    {
      data,
      directory: Flag.String("directory").pipe(
        Flag.withDescription("Directory file to apply; without one two demo phones are made"),
        Flag.withFallbackConfig(Config.String("TANDEM_DIRECTORY")),
        Flag.optional,
      ),
      bind: Flag.String("bind").pipe(
        Flag.withDescription("IP address to listen on, which phones must be able to reach"),
        Flag.withFallbackConfig(Config.String("TANDEM_BIND")),
        Flag.withDefault("127.0.0.1"),
      ),
      sipPort: port("sip-port", "TANDEM_SIP_PORT", 5060, "SIP over UDP and TCP"),
      tlsPort: port("tls-port", "TANDEM_TLS_PORT", 5061, "SIP over TLS"),
      wssPort: port("wss-port", "TANDEM_WSS_PORT", 5443, "SIP over secure WebSockets"),
      httpsPort: port("https-port", "TANDEM_HTTPS_PORT", 8443, "HTTPS"),
      rtpPorts: Flag.String("rtp-ports").pipe(
        Flag.withDescription("UDP ports for media, two for each leg and stream"),
        Flag.withFallbackConfig(Config.String("TANDEM_RTP_PORTS")),
        Flag.withDefault("10000-19999"),
      ),
      wssOrigins: Flag.String("wss-origins").pipe(
        Flag.withDescription("Origins of web pages that may connect, with commas; without it all"),
        Flag.withFallbackConfig(Config.String("TANDEM_WSS_ORIGINS")),
        Flag.optional,
      ),
    },
    Effect.fnUntraced(function* ({ directory, rtpPorts, wssOrigins, ...rest }) {
      const range = portRange(rtpPorts);
      if (range === undefined) {
        return yield* new CommandFailed({
          reason: `--rtp-ports: "${rtpPorts}" is no range such as 10000-19999`,
        });
      }
      yield* abilities.start({
        ...rest,
        directory: Option.getOrNull(directory),
        rtpPorts: range,
        wssOrigins: Option.getOrNull(Option.map(wssOrigins, (list) => list.split(","))),
      });
    }),
  ).pipe(
    Command.withDescription("Start every role in this process and serve calls until it is stopped"),
    Command.withExamples([
      { command: "tandem start", description: "Two demo phones on this machine" },
      {
        command: "tandem start --bind 192.0.2.10 --directory office.json",
        description: "Phones of a directory, reachable from the network",
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
      Flag.withDescription("Remove what the file does not name"),
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
    { command: "tandem apply office.json --dry-run", description: "Show what would change" },
    { command: "tandem apply office.json", description: "Change it; nothing is removed" },
  ]),
);

/** Reads a directory file; its content is checked by the core. */
export const readJson = (file: string): Effect.Effect<unknown, CommandFailed> =>
  Effect.try({
    try: (): unknown => JSON.parse(readFileSync(file, "utf8")),
    catch: (cause) =>
      new CommandFailed({
        reason: `${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      }),
  });

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
    { command: "tandem calls", description: "A table of the calls that are up or being set up" },
  ]),
);

const call = Command.make(
  "call",
  { id: Argument.String("id"), data, json },
  Effect.fnUntraced(function* ({ data, id, json }) {
    const shown = yield* use(data, (client) => client.ShowCall({ call: id }));
    yield* print(json, shown, () => Text.ladder(shown));
  }),
).pipe(
  Command.withDescription("One call: its SIP messages and its actor's records side by side"),
  Command.withExamples([
    { command: "tandem call gmzdknzxgi3tcnrq", description: "The id is that of calls and cdr" },
  ]),
);

const cdr = Command.make(
  "cdr",
  {
    data,
    json,
    tenant,
    limit: Flag.Int("limit").pipe(
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
      Flag.withDescription("The newest so many"),
      Flag.withDefault(1_000),
    ),
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
    { command: "tandem cdr --limit 20", description: "The last twenty" },
    { command: "tandem cdr --json", description: "For programs" },
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
      { command: "tandem doctor", description: "One line for each check" },
      { command: "tandem doctor --counters", description: "And what was refused, and why" },
      { command: "tandem doctor --prometheus", description: "For a collector of text files" },
    ]),
  );

export const make = (abilities: Abilities) =>
  Command.make("tandem").pipe(
    Command.withDescription("Tandem, a distributed call engine"),
    Command.withSubcommands([
      start(abilities),
      apply,
      calls,
      call,
      cdr,
      doctor(abilities),
    ]),
  );
