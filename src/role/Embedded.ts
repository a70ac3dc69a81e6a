/**
 * The embedded start: edge, core and api in this process over a memory bus, media in a child, all
 * state in SQLite under a data folder.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Console, Effect, Layer } from "effect";
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
import * as Greeting from "./Greeting.ts";
import * as MediaChild from "./MediaChild.ts";
import { udp } from "./Udp.ts";

export const version = "0.1.0";
const cell = "a";
const shards = 64;
const edge = "e1";
const media = "m1";
/** Where the launcher puts the data folder unless it is told otherwise. */
const usualData = fileURLToPath(new URL("../../data", import.meta.url));

/** Runs until it is interrupted. */
export const run = (options: StartOptions) =>
  Effect.scoped(Effect.gen(function* () {
    // Before anything is made: a file that cannot be read leaves no trace.
    const given = options.directory === null ? null : yield* readJson(options.directory);
    const folder = yield* DataFolder.open(options.data);
    const adapters = Layer.mergeAll(
      KeyRing.layer(folder.keys),
      SqliteJournal.layer(folder.journal),
      SqliteStore.layer(folder.projections),
      MemoryBus.layer,
    );
    // A scope of its own, so that all that serves ends before the adapters that it writes to.
    yield* Effect.provide(Effect.scoped(serve(options, folder, given)), adapters);
  }));

const serve = Effect.fnUntraced(function* (
  options: StartOptions,
  folder: DataFolder.DataFolder,
  given: unknown,
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
  const demo = options.directory === null ? Demo.directory(folder.demo, bind, environment) : null;
  const changes = yield* core.provisioning.apply(demo ?? given, {
    removals: false,
    dryRun: false,
  });
  const edgeRole = yield* Edge.make({
    edge,
    bind,
    ports: { sip: options.sipPort, tls: options.tlsPort, wss: options.wssPort },
    certificate,
    origins: options.wssOrigins,
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
  const { tcp, tls, udp: datagrams, wss } = edgeRole.places;
  const ports = {
    udp: datagrams?.port ?? 0,
    tcp: tcp?.port ?? 0,
    tls: tls?.port ?? 0,
    wss: wss?.port ?? 0,
    https: httpsPort,
  };
  const listening = Object.entries(ports).map(([name, port]) => `${name} ${port}`).join(", ");
  yield* operate(core, folder.control, counters, `on ${bind}: ${listening}`);
  yield* Console.log(Greeting.text({
    version,
    bind,
    ports,
    rtp: rtpPorts,
    data: folder.path,
    dataFlag: resolve(folder.path) === usualData ? "" : ` --data ${folder.path}`,
    changes,
    tenants: yield* described(core),
    demo,
  }));
  yield* Effect.never;
});

/** What each tenant's own records say of it. */
const described = ({ actors, tenants }: Core.Core) =>
  Effect.suspend(() =>
    Effect.forEach(tenants.tenants(), (tenant) =>
      actors.submit({
        id: `describe/${tenant}`,
        cell,
        shard: Hash.shardOf(tenantActor(tenant), shards),
        tenant,
        actor: tenantActor(tenant),
        deadline: 0,
        causation: "describe",
        traceparent: null,
        command: { _tag: "DescribeTenant" },
      }).pipe(Effect.map((reply) => {
        const facts = reply?._tag === "TenantDescribed" ? reply.tenant : null;
        return [tenant, facts] as const;
      })))
  );

/** Serves the operations of people until the scope ends. */
const operate = Effect.fnUntraced(function* (
  core: Core.Core,
  control: string,
  counters: Counters.Counters,
  listening: string,
) {
  const store = yield* Store;
  const handlers = Operations.layer({
    cell,
    shards,
    journal: yield* Journal,
    sealer: core.sealer,
    store,
    provisioning: core.provisioning,
    counters,
    checks: Effect.map(
      Effect.all([described(core), store.bindings(null)]),
      ([tenants, bindings]) => Doctor.running({ tenants, bindings, counters, listening }),
    ),
  });
  yield* Layer.build(Layer.provide(Control.layer(control), handlers));
});
