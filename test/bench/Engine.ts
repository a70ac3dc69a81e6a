/**
 * An engine to be measured, in a process of its own: `Engine.ts JOURNAL` with `memory` or
 * `embedded`. Says where it listens, then answers each line of its input (`cpu` or `memory`) with
 * what it has used so far.
 */
import { createInterface } from "node:readline";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Cause, Effect, Layer } from "effect";
import * as MemoryBus from "../../src/bus/Memory.ts";
import * as Edge from "../../src/edge/Edge.ts";
import * as MemoryJournal from "../../src/journal/Memory.ts";
import * as SqliteJournal from "../../src/journal/Sqlite.ts";
import * as Core from "../../src/role/Core.ts";
import * as Environment from "../../src/role/Environment.ts";
import * as MediaChild from "../../src/role/MediaChild.ts";
import { udp } from "../../src/role/Udp.ts";
import * as SqliteStore from "../../src/store/Sqlite.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as KeyRing from "../../src/vault/KeyRing.ts";
import { Vault } from "../../src/vault/Vault.ts";
import { print } from "./Report.ts";

const [kind = "memory"] = process.argv.slice(2);
const shards = 64;
const users = 2_000;

const directory = {
  tenants: [{
    id: "bench",
    domain: "bench.test",
    exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
    mediaNetworks: ["127.0.0.0/8"],
    users: Array.from({ length: users }, (_, n) => ({
      extension: `${1_000 + n}`,
      name: `User ${n}`,
      secret: `secret-${1_000 + n}`,
    })),
    trunks: [{ id: "load", address: "127.0.0.2:5060", inbound: true }],
  }],
};

const folder = mkdtempSync(join(tmpdir(), "tandem-bench-"));

const usage = (what: string) => {
  // Collecting is work too: only where memory is asked for, and never inside a measured time.
  if (what === "memory") (globalThis as { readonly gc?: () => void }).gc?.();
  const { external, heapUsed, rss } = process.memoryUsage();
  return { cpu: process.cpuUsage(), heap: heapUsed + external, rss };
};

const engine = Effect.gen(function* () {
  const environment = Environment.live();
  const counters = Counters.make();
  const vault = yield* Vault;
  yield* MediaChild.make({
    worker: "m1",
    bind: "127.0.0.1",
    // Ranges of their own: engines that are measured side by side share an address.
    ports: kind === "memory" ? { first: 20_000, last: 39_999 } : { first: 40_000, last: 59_999 },
  });
  const core = yield* Core.make({
    cell: "a",
    shards,
    owner: "bench",
    media: "m1",
    environment,
    counters,
  });
  yield* core.provisioning.apply(directory, { removals: false, dryRun: false });
  const unlimited = { perSecond: 1_000_000, burst: 1_000_000 };
  const edge = yield* Edge.make({
    edge: "e1",
    bind: "127.0.0.1",
    ports: { sip: 0, tls: null, wss: null },
    certificate: null,
    routing: vault.routing,
    callKey: vault.derive("call"),
    shards: () => shards,
    environment,
    counters,
    udp: udp(),
    limits: { ...Edge.defaultLimits, messages: unlimited, dialogs: unlimited },
  });
  print({ port: edge.places.udp?.port });
  yield* Effect.callback<void>((resume) => {
    const lines = createInterface({ input: process.stdin });
    lines.on("line", (what) => print(usage(what)));
    lines.on("close", () => resume(Effect.void));
  });
});

const adapters = Layer.mergeAll(
  KeyRing.layer(join(folder, "keys")),
  kind === "memory" ? MemoryJournal.layer : SqliteJournal.layer(join(folder, "journal.db")),
  SqliteStore.layer(join(folder, "projections.db")),
  MemoryBus.layer,
);

const exit = await Effect.runPromiseExit(Effect.scoped(Effect.provide(engine, adapters)));
rmSync(folder, { recursive: true, force: true });
if (exit._tag === "Failure") process.stderr.write(`${Cause.pretty(exit.cause)}\n`);
process.exit(exit._tag === "Success" ? 0 : 1);
