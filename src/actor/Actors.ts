/**
 * The actors of one core, assembled: the shards that it owns, the doors to them, and what drives
 * their deadlines, effects and housekeeping.
 */
import { Context, Effect, Schema } from "effect";
import { Performed } from "../../schemas/Effect.ts";
import type { CommandEnvelope } from "../../schemas/Envelope.ts";
import type { ActorId, ActorKind, CellId } from "../../schemas/Ids.ts";
import { kindOf } from "../../schemas/Ids.ts";
import type { Reply } from "../../schemas/Reply.ts";
import { Bus } from "../bus/Bus.ts";
import { Journal, type ShardRef } from "../journal/Journal.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type * as Activation from "./Activation.ts";
import type { AnyBehaviour } from "./Behaviour.ts";
import type { Pending } from "./Cell.ts";
import * as Deadlines from "./Deadlines.ts";
import * as Doors from "./Doors.ts";
import * as Outbox from "./Outbox.ts";
import * as Ownership from "./Ownership.ts";
import type { Sealer } from "./Record.ts";
import type { Committed, Limits, Shard, Surroundings } from "./Shard.ts";
import * as Submission from "./Submission.ts";

export interface Config {
  readonly cell: CellId;
  readonly claim: Activation.Claim;
  readonly limits: Limits;
  readonly environment: Environment;
  readonly sealer: Sealer;
  readonly behaviours: Readonly<Record<ActorKind, AnyBehaviour>>;
  readonly counters: Counters;
  /** Every stored record once, in the order of its shard; those of a replay too. */
  readonly committed: (shard: ShardRef, records: ReadonlyArray<Committed>) => void;
  /** Sequence up to which projections have a shard: a cut never passes it. */
  readonly projected: (shard: ShardRef) => number;
}

export class Actors extends Context.Service<Actors, {
  /** Undefined: not owned here, or the outcome is unknown; ask again with the same id. */
  readonly submit: (envelope: CommandEnvelope) => Effect.Effect<Reply | undefined>;
  /** Live actors of a kind, for reports. */
  readonly count: (kind: ActorKind) => number;
}>()("tandem/actor/Actors") {}

const performTimeoutMs = 2_000;
const sweepMs = 1_000;
const hostRetryMs = 1_000;
const isPerformed = Schema.is(Performed);

type Fork = (effect: Effect.Effect<void, unknown>) => void;

/** The host's own effects end in a command to the actor that wanted them. */
const hostEffects = (
  behaviourOf: (actor: ActorId) => AnyBehaviour,
  { now, schedule }: Environment,
  fork: Fork,
): Outbox.Ports["host"] => {
  const perform = Effect.fnUntraced(function* (shard: Shard, actor: ActorId, pending: Pending) {
    const { ref, effect, deadline } = pending;
    const cell = shard.cells.get(actor);
    if (shard.isClosed || cell === undefined || !cell.pending.includes(pending)) return;
    const { state, tenant } = cell;
    const command = yield* behaviourOf(actor).perform({ actor, tenant, effect, state });
    if (command === undefined) return;
    shard.offer({
      id: `effect/${ref.epoch}/${ref.sequence}/${ref.index}`,
      actor,
      tenant,
      causation: ref.slot,
      traceparent: null,
      deadline,
      input: { _tag: "Command", command, facts: undefined },
      resume: (reply) => {
        if (reply?._tag !== "Overloaded" || now() > deadline) return;
        schedule(hostRetryMs, () => start(shard, actor, pending));
      },
    });
  });
  const start: Outbox.Ports["host"] = (...given) => fork(perform(...given));
  return start;
};

const countersOf = (counters: Counters): Surroundings["counts"] => ({
  refused: counters.counter("actor_commands_refused_total", { reason: "mailbox" }),
  parked: counters.counter("actor_parked_total"),
  records: counters.counter("journal_records_total"),
  appends: counters.counter("journal_appends_total"),
});

/**
 * Housekeeping of the shards, the one first that needs a checkpoint most; a log is cut once the
 * projections have read that far.
 */
const sweepOf = (
  { cell, limits, projected }: Config,
  shards: ReadonlyMap<number, Shard>,
  cuts: Map<number, number>,
  journal: Journal["Service"],
  fork: Fork,
) =>
(): void => {
  let written = 0;
  for (const shard of [...shards.values()].sort((a, b) => b.excess - a.excess)) {
    try {
      written += shard.sweep(written < limits.checkpointActors);
    } catch (cause) {
      fork(Effect.logError(`housekeeping of shard ${shard.ref.shard}`, cause));
    }
  }
  for (const [shard, through] of cuts) {
    if (projected({ cell, shard }) < through) continue;
    cuts.delete(shard);
    fork(journal.cut({ cell, shard }, through));
  }
};

/** Live actors of a kind. */
const countOf = (shards: ReadonlyMap<number, Shard>, kind: ActorKind): number => {
  let count = 0;
  for (const { cells } of shards.values()) {
    for (const cell of cells.values()) {
      if (cell.overSince === 0 && kindOf(cell.actor) === kind) count++;
    }
  }
  return count;
};

export const make = Effect.fnUntraced(function* (config: Config) {
  const { behaviours, cell, claim, committed, counters, environment, limits, sealer } = config;
  const journal = yield* Journal;
  const bus = yield* Bus;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const fork: Fork = (effect) =>
    run(Effect.catchCause(effect, (cause) => Effect.logError("actors", cause)));
  const behaviourOf = (actor: ActorId) => behaviours[kindOf(actor)];
  /** Sequence up to which each shard may be cut. */
  const cuts = new Map<number, number>();

  const outbox = Outbox.make({
    now: environment.now,
    schedule: environment.schedule,
    counters,
    send: (subject, batch, answered) =>
      run(Effect.matchCause(bus.request(subject, batch, performTimeoutMs), {
        onFailure: () => answered(undefined),
        onSuccess: (reply) => answered(isPerformed(reply) ? reply : undefined),
      })),
    host: hostEffects(behaviourOf, environment, fork),
  });
  const refs = Array.from({ length: claim.shards }, (_, shard): ShardRef => ({ cell, shard }));
  const shards = yield* Ownership.own(refs, {
    claim,
    activated: outbox.resend,
    around: {
      now: environment.now,
      sealer,
      behaviourOf,
      deadlines: Deadlines.timed(environment),
      counts: countersOf(counters),
      limits,
      release: outbox.release,
      committed,
      cut: ({ shard }, through) => void cuts.set(shard, through),
      defect: (actor, cause) =>
        fork(Effect.logError(`actor ${actor} is parked: it takes no more commands`, cause)),
    },
  });
  const submit = Submission.make({ shards, behaviourOf, run });
  const { now } = environment;
  yield* Doors.open({ bus, cell, count: claim.shards, shards, submit, outbox, now, counters });

  yield* Effect.sync(sweepOf(config, shards, cuts, journal, fork)).pipe(
    Effect.andThen(Effect.sleep(sweepMs)),
    Effect.forever,
    Effect.forkScoped,
  );
  // Added last, so that it runs first: whoever still comes to the doors finds nobody.
  yield* Effect.addFinalizer(() => Effect.sync(() => shards.forEach((shard) => shard.close())));

  return Actors.of({
    submit: (envelope) =>
      Effect.callback((resume) => submit(envelope, (reply) => resume(Effect.succeed(reply)))),
    count: (kind) => countOf(shards, kind),
  });
});
