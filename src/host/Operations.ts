/** Operations of people on the core: applied directories, reads of projections and journals. */
import { Effect } from "effect";
import { type ActorId, callActor } from "../../schemas/Ids.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import { OperationRefused, Operations } from "../../schemas/rpc/Operations.ts";
import type { Check, RecordRow } from "../../schemas/rpc/Rows.ts";
import * as Record from "../actor/Record.ts";
import type { Journal } from "../journal/Journal.ts";
import * as Hash from "../kernel/Hash.ts";
import type { Store } from "../store/Store.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Provisioning } from "./Provisioning.ts";

export interface Config {
  readonly cell: string;
  readonly shards: number;
  readonly journal: Journal["Service"];
  readonly sealer: Record.Sealer;
  readonly store: Store["Service"];
  readonly provisioning: Provisioning;
  readonly counters: Counters;
  readonly checks: Effect.Effect<ReadonlyArray<Check>, { readonly message: string }>;
}

const pageRecords = 1_000;

const row = ({ at, causation, epoch, sequence }: RecordHeader, body: unknown): RecordRow => {
  const { events = [] } = body as Partial<Record.Body>;
  const names = (events as ReadonlyArray<{ readonly _tag: string }>).map(({ _tag }) => _tag);
  return { at, causation, epoch, sequence, events: names };
};

/** Records of one actor, from what its shard's log still holds. */
const recordsOf = Effect.fnUntraced(function* (config: Config, actor: ActorId) {
  const shard = { cell: config.cell, shard: Hash.shardOf(actor, config.shards) };
  const rows: Array<RecordRow> = [];
  for (let after = 0;;) {
    const page = yield* config.journal.read(shard, after, pageRecords);
    if (page.length === 0) return rows;
    for (const { bytes, sequence } of page) {
      after = sequence;
      const at = { shard: shard.shard, sequence };
      const { body, header } = Record.decode(config.sealer, at, bytes);
      if (header.actor === actor && body !== undefined) rows.push(row(header, body));
    }
  }
});

/** A failure as people read it: what happened, and what to do. */
const refused = (error: {
  readonly message: string;
  readonly reason?: string;
  readonly remedy?: string;
}): OperationRefused => {
  const { message, reason, remedy } = error;
  const text = [reason ?? message, remedy].filter((part) => part !== undefined).join("; ");
  return new OperationRefused({ reason: text });
};

/** The operations as an RPC group serves them. */
export const layer = (config: Config) => {
  const { counters, provisioning, store } = config;
  return Operations.toLayer({
    ApplyDirectory: ({ directory, dryRun, removals }) =>
      Effect.mapError(provisioning.apply(directory, { dryRun, removals }), refused),
    ListCalls: ({ tenant }) => Effect.mapError(store.calls(tenant), refused),
    ListCdrs: ({ limit, tenant }) => Effect.mapError(store.cdrs(tenant, limit), refused),
    ListBindings: ({ tenant }) => Effect.mapError(store.bindings(tenant), refused),
    ShowCall: ({ call }) =>
      Effect.all([store.call(call), store.messages(call), recordsOf(config, callActor(call))])
        .pipe(
          Effect.map(([known, messages, records]) => ({ ...known, messages, records })),
          Effect.mapError(refused),
        ),
    Examine: () =>
      config.checks.pipe(
        Effect.map((checks) => ({ checks, counters: counters.snapshot() })),
        Effect.mapError(refused),
      ),
  });
};
