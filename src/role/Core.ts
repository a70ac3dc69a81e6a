/** The core role: actors over a journal, their projections, and the operations of people. */
import { Effect, Schema } from "effect";
import { Announcement } from "../../schemas/Envelope.ts";
import type { CellId, WorkerId } from "../../schemas/Ids.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { TenantEvent } from "../../schemas/Tenant.ts";
import { type Actors, make as makeActors } from "../actor/Actors.ts";
import * as Behaviour from "../actor/Behaviour.ts";
import type { Sealer } from "../actor/Record.ts";
import type { Committed, Limits } from "../actor/Shard.ts";
import { Bus } from "../bus/Bus.ts";
import * as CallHost from "../host/CallHost.ts";
import * as Endings from "../host/Endings.ts";
import * as Fit from "../host/Fit.ts";
import * as Projector from "../host/Projector.ts";
import * as Provisioning from "../host/Provisioning.ts";
import * as Realms from "../host/Realms.ts";
import * as TenantHost from "../host/TenantHost.ts";
import * as UserHost from "../host/UserHost.ts";
import { Journal, type ShardRef } from "../journal/Journal.ts";
import type { Environment } from "../kernel/Environment.ts";
import { Store } from "../store/Store.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type * as Tenant from "../tenant/Tenant.ts";
import { Vault } from "../vault/Vault.ts";

export interface Config {
  readonly cell: CellId;
  readonly shards: number;
  /** Names this process in the journal. */
  readonly owner: string;
  readonly media: WorkerId;
  readonly environment: Environment;
  readonly counters: Counters;
  readonly limits?: Partial<Limits>;
}

export interface Core {
  readonly actors: Actors["Service"];
  readonly provisioning: Provisioning.Provisioning;
  readonly sealer: Sealer;
  readonly tenants: Realms.Index;
}

/** Version of `Hash.shardOf`. */
const hashVersion = 1;
const defaultLimits: Limits = {
  mailbox: 10_000,
  mailboxPerTenant: 5_000,
  batchRecords: 1_000,
  checkpointRecords: 400,
  checkpointActors: 500,
};

const sealerOf = (vault: Vault["Service"]): Sealer => ({
  keyOf: (tenant) => vault.keyOf(tenant).id,
  seal: (tenant, key, bound, clear) => {
    const named = vault.keyNamed(tenant, key);
    if (named === "shredded") throw new Error(`the keys of tenant ${tenant} were destroyed`);
    return named.seal(bound, clear);
  },
  open: (tenant, key, bound, sealed) => {
    const named = vault.keyNamed(tenant, key);
    return named === "shredded" ? undefined : named.open(bound, sealed);
  },
});

const isAnnouncement = Schema.is(Announcement);

export const make = Effect.fnUntraced(function* (config: Config) {
  const { cell, counters, environment, shards } = config;
  const bus = yield* Bus;
  const vault = yield* Vault;
  const store = yield* Store;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const all = Array.from({ length: shards }, (_, shard): ShardRef => ({ cell, shard }));
  yield* Fit.ensure(yield* Journal, store, all);
  const projector = yield* Projector.make(store, all, counters);
  const tenants = Realms.make(cell);
  const publishRealms = Effect.suspend(() => bus.publish(Subjects.realms, tenants.current()));
  const sealer = sealerOf(vault);
  const address = { bus, cell, shards, now: environment.now };
  const { random } = environment;

  const endings = Endings.make(counters, environment.now());
  const media = {
    worker: config.media,
    refused: (reason: string) =>
      counters.counter("media_reservations_refused_total", { reason }).value++,
  };
  const committed = (shard: ShardRef, records: ReadonlyArray<Committed>): void => {
    projector.feed(shard, records);
    endings(shard, records);
    const changed = records.filter(({ header: { actor, tenant }, events, state }) =>
      actor.startsWith("tenant/") &&
      (state === undefined
        ? (events as ReadonlyArray<TenantEvent>).some((event) => tenants.take(tenant, event))
        : tenants.restore(tenant, state as Tenant.State))
    );
    if (changed.length > 0) run(publishRealms);
  };

  yield* bus.subscribe(Subjects.traces, (payload) =>
    Effect.sync(() => {
      // Checked where they are read: there are a dozen for each call, and few are ever read.
      if (Array.isArray(payload)) projector.trace(payload);
    }));
  yield* bus.subscribe(
    Subjects.announce,
    (payload) => isAnnouncement(payload) && payload.role === "edge" ? publishRealms : Effect.void,
  );

  const actors = yield* makeActors({
    cell,
    claim: { owner: config.owner, shards, hashVersion },
    limits: { ...defaultLimits, ...config.limits },
    environment,
    sealer,
    counters,
    committed,
    projected: projector.through,
    behaviours: {
      call: Behaviour.erase(
        CallHost.make({ address, random, routing: vault.routing, media }),
      ),
      user: Behaviour.erase(
        UserHost.make({ address, random, nonceKey: vault.derive("nonce") }),
      ),
      tenant: Behaviour.erase(TenantHost.make()),
    },
  });
  const provisioning = Provisioning.make({
    address,
    random,
    fingerprintKey: vault.derive("fingerprint"),
    tenants: tenants.tenants,
  });
  return { actors, provisioning, sealer, tenants } satisfies Core;
});
