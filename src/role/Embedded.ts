/**
 * The embedded start: edge, core and api in this process over a memory bus, media in a child, all
 * state in SQLite under a data folder.
 */
import { Console, Effect, Layer } from "effect";
import type { Change, Directory } from "../../schemas/Directory.ts";
import { tenantActor } from "../../schemas/Ids.ts";
import * as Control from "../api/Control.ts";
import * as Https from "../api/Https.ts";
import * as MemoryBus from "../bus/Memory.ts";
import { readJson, type StartOptions } from "../cli/Cli.ts";
import * as Edge from "../edge/Edge.ts";
import { listenFailed } from "../edge/Listen.ts";
import * as Operations from "../host/Operations.ts";
import { Journal } from "../journal/Journal.ts";
import * as Hash from "../kernel/Hash.ts";
import * as SqliteJournal from "../journal/Sqlite.ts";
import { Store } from "../store/Store.ts";
import * as SqliteStore from "../store/Sqlite.ts";
import * as Counters from "../telemetry/Counters.ts";
import * as KeyRing from "../vault/KeyRing.ts";
import { Vault } from "../vault/Vault.ts";
import * as Certificate from "./Certificate.ts";
import * as Core from "./Core.ts";
import * as DataFolder from "./DataFolder.ts";
import * as Demo from "./Demo.ts";
import * as Doctor from "./Doctor.ts";
import * as Environment from "./Environment.ts";
import * as MediaChild from "./MediaChild.ts";
import { udp } from "./Udp.ts";

export const version = "0.1.0";
const cell = "a";
const shards = 64;
const edge = "e1";
const media = "m1";

/** Runs until it is interrupted. */
export const run = (options: StartOptions) =>
  Effect.scoped(Effect.gen(function* () {
    const folder = yield* DataFolder.open(options.data);
    const adapters = Layer.mergeAll(
      KeyRing.layer(folder.keys),
      SqliteJournal.layer(folder.journal),
      SqliteStore.layer(folder.projections),
      MemoryBus.layer,
    );
    // A scope of its own: roles end before the journal and the store that they still write to.
    yield* Effect.provide(Effect.scoped(serve(options, folder)), adapters);
  }));

const serve = Effect.fnUntraced(function* (
  options: StartOptions,
  folder: DataFolder.DataFolder,
) {
  const { bind, rtpPorts } = options;
  const environment = Environment.live();
  const counters = Counters.make();
  const vault = yield* Vault;
  const certificate = yield* Certificate.load(folder.tls, bind, environment.now());
  yield* MediaChild.make({ worker: media, bind, ports: rtpPorts });
  const core = yield* Core.make({
    cell,
    shards,
    owner: `embedded/${process.pid}`,
    media,
    environment,
    counters,
  });
  const demo = options.directory === null
    ? Demo.directory(folder.demo, bind, environment)
    : undefined;
  const directory = options.directory === null ? demo : yield* readJson(options.directory);
  const changes = yield* core.provisioning.apply(directory, { removals: false, dryRun: false });
  const edgeRole = yield* Edge.make({
    edge,
    bind,
    ports: { sip: options.sipPort, tls: options.tlsPort, wss: options.wssPort },
    certificate,
    routing: vault.routing,
    callKey: vault.derive("call"),
    shards: () => shards,
    environment,
    counters,
    udp: udp(),
    limits: Edge.defaultLimits,
  });
  const httpsPort = yield* Https.listen(bind, options.httpsPort, certificate).pipe(
    Effect.mapError(({ code }) => listenFailed("https", bind, options.httpsPort, code)),
  );
  const listening = Object.entries(edgeRole.places)
    .map(([transport, { host, port }]) => `${transport} ${host}:${port}`);
  listening.push(`https ${bind}:${httpsPort}`);
  yield* operate(core, folder, counters, listening.join(", "));
  yield* Console.log(greeting(folder, listening, changes, demo));
  yield* Effect.never;
});

/** Serves the operations of people until the scope ends. */
const operate = Effect.fnUntraced(function* (
  core: Core.Core,
  folder: DataFolder.DataFolder,
  counters: Counters.Counters,
  listening: string,
) {
  const describe = (tenant: string) =>
    core.actors.submit({
      id: `doctor/${tenant}`,
      cell,
      shard: Hash.shardOf(tenantActor(tenant), shards),
      tenant,
      actor: tenantActor(tenant),
      deadline: 0,
      causation: "doctor",
      traceparent: null,
      command: { _tag: "DescribeTenant" },
    }).pipe(Effect.map((reply) => {
      const facts = reply?._tag === "TenantDescribed" ? reply.tenant : null;
      return [tenant, facts] as const;
    }));
  const handlers = Operations.layer({
    cell,
    shards,
    journal: yield* Journal,
    sealer: core.sealer,
    store: yield* Store,
    provisioning: core.provisioning,
    counters,
    checks: Effect.map(
      Effect.forEach(core.tenants.tenants(), describe),
      (tenants) => Doctor.running(tenants, counters, listening),
    ),
  });
  yield* Layer.build(Layer.provide(Control.layer(folder.control), handlers));
});

/** What a newcomer needs to know. */
const greeting = (
  folder: DataFolder.DataFolder,
  listening: ReadonlyArray<string>,
  changes: ReadonlyArray<Change>,
  demo: Directory | undefined,
): string => {
  const changed = changes.filter(({ action }) => action !== "keep");
  const lines = [
    `Tandem ${version} is listening`,
    ...listening.map((place) => `  ${place}`),
    `  data folder ${folder.path}`,
  ];
  if (changed.length > 0) {
    lines.push(`Directory: ${changed.length} changes applied`);
    for (const { tenant, what } of changed.filter(({ what }) => what.startsWith("tenant "))) {
      lines.push(`  ${tenant}: ${what}`);
    }
  }
  if (demo !== undefined) lines.push("", ...demoLines(demo));
  return lines.join("\n");
};

const demoLines = ({ tenants }: Directory): ReadonlyArray<string> => {
  const { domain, exceptions = [], users = [] } = tenants[0]!;
  return [
    `Two demo phones (their tenant has the exceptions ${exceptions.join(", ")})`,
    ...users.map(({ extension, name, secret }) =>
      `  sip:${extension}@${domain}  password ${secret}  (${name})`
    ),
    "",
    "To try a call: register both in any softphone with this machine as registrar, then dial 1002",
    "from 1001. One phone alone: dial *43 for an echo, *44 for a tone. What came of it:",
    "  npm run -s tandem -- cdr",
  ];
};
