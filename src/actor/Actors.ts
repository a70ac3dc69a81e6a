/**
 * The actors of one core: activates the shards that it owns, takes their commands from the bus, and
 * drives deadlines, effects and housekeeping.
 */
import { Context, Effect, Schema, type Scope } from "effect";
import type { EffectBatch } from "../../schemas/Effect.ts";
import { Performed } from "../../schemas/Effect.ts";
import {
  type Addressed,
  Announcement,
  type CommandEnvelope,
  EffectsDone,
  type QueryEnvelope,
  type ReplyEnvelope,
  RequestEnvelope,
} from "../../schemas/Envelope.ts";
import type { ActorId, ActorKind, CellId } from "../../schemas/Ids.ts";
import { kindOf } from "../../schemas/Ids.ts";
import { answered, type Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../bus/Bus.ts";
import { Journal, type ShardRef } from "../journal/Journal.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { Counters } from "../telemetry/Counters.ts";
import * as Activation from "./Activation.ts";
import type { AnyBehaviour } from "./Behaviour.ts";
import type { Pending } from "./Cell.ts";
import * as Deadlines from "./Deadlines.ts";
import * as Outbox from "./Outbox.ts";
import type { Sealer } from "./Record.ts";
import { type Committed, type Limits, Shard, type Surroundings } from "./Shard.ts";

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
const reactivateMs = 1_000;
const hostRetryMs = 1_000;
/** Timers of the runtimes count in 32 bits. */
const longestTimerMs = 2 ** 31 - 1;
const decodeRequest = Schema.decodeUnknownExit(RequestEnvelope);
/** Cores trust each other: of a question only the shape is looked at. */
const isQuery = (payload: unknown): payload is typeof QueryEnvelope.Type =>
  typeof payload === "object" && payload !== null && "actor" in payload && "command" in payload;
/** A field is longer than anything here can use, or no such command: asking again helps nobody. */
const unreadable: ReplyEnvelope = { id: "", epoch: 0, reply: answered(400, [], "Field Too Long") };
const isPerformed = Schema.is(Performed);
const decodeDone = Schema.decodeUnknownExit(EffectsDone);
const decodeAnnouncement = Schema.decodeUnknownExit(Announcement);

/** Fires deadlines at their time, with one timer for all of them. */
const timed = (environment: Environment): Deadlines.Deadlines => {
  const heap = Deadlines.make();
  let armed = Infinity;
  let cancel = () => {};
  const arm = (): void => {
    const next = heap.next();
    if (next === undefined || next >= armed) return;
    cancel();
    armed = next;
    const delayMs = Math.min(longestTimerMs, Math.max(0, next - environment.now()));
    cancel = environment.schedule(delayMs, () => {
      armed = Infinity;
      heap.fireDue(environment.now());
      arm();
    });
  };
  return {
    ...heap,
    add: (at, fire) => {
      const entry = heap.add(at, fire);
      arm();
      return entry;
    },
  };
};

export const make = Effect.fnUntraced(function* (config: Config) {
  const journal = yield* Journal;
  const bus = yield* Bus;
  const scope = yield* Effect.scope;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const fork = <A, E>(effect: Effect.Effect<A, E>) =>
    run(Effect.catchCause(effect, (cause) => Effect.logError("actors", cause)));
  const { environment, counters, claim } = config;
  const shards = new Map<number, Shard>();
  const cuts = new Map<number, number>();
  const behaviourOf = (actor: ActorId) => config.behaviours[kindOf(actor)];

  const outbox = Outbox.make({
    now: environment.now,
    schedule: environment.schedule,
    counters,
    send: (subject: string, batch: EffectBatch, answered) =>
      run(Effect.matchCause(bus.request(subject, batch, performTimeoutMs), {
        onFailure: () => answered(undefined),
        onSuccess: (reply) => {
          answered(isPerformed(reply) ? reply : undefined);
        },
      })),
    host: (shard, actor, pending) => fork(performHost(shard, actor, pending)),
  });

  /** The host's own effects end in a command to the actor that wanted them. */
  const performHost = Effect.fnUntraced(
    function* (shard: Shard, actor: ActorId, pending: Pending) {
      const { ref, effect, deadline } = pending;
      const cell = shard.cells.get(actor);
      const behaviour = behaviourOf(actor);
      if (shard.isClosed || cell === undefined || !cell.pending.includes(pending)) return;
      const command = yield* behaviour.perform({
        actor,
        tenant: cell.tenant,
        effect,
        state: cell.state,
      });
      if (command === undefined) return;
      shard.offer({
        id: `effect/${ref.epoch}/${ref.sequence}/${ref.index}`,
        actor,
        tenant: cell.tenant,
        causation: ref.slot,
        traceparent: null,
        deadline,
        input: { _tag: "Command", command, facts: undefined },
        resume: (reply) => {
          if (reply?._tag !== "Overloaded" || environment.now() > deadline) return;
          environment.schedule(hostRetryMs, () => fork(performHost(shard, actor, pending)));
        },
      });
    },
  );

  const around: Surroundings = {
    now: environment.now,
    sealer: config.sealer,
    behaviourOf,
    deadlines: timed(environment),
    counts: {
      refused: counters.counter("actor_commands_refused_total", { reason: "mailbox" }),
      parked: counters.counter("actor_parked_total"),
      records: counters.counter("journal_records_total"),
      appends: counters.counter("journal_appends_total"),
    },
    limits: config.limits,
    append: (shard, expected, records) =>
      run(Effect.matchCause(journal.append({ shard: shard.ref, expected, records }), {
        onSuccess: () => {
          try {
            shard.stored();
          } catch (cause) {
            lost(shard, cause);
          }
        },
        onFailure: (error) => lost(shard, error),
      })),
    release: outbox.release,
    committed: config.committed,
    cut: ({ shard }, through) => void cuts.set(shard, through),
    defect: (actor, cause) =>
      fork(Effect.logError(`actor ${actor} is parked: it takes no more commands`, cause)),
  };

  const activate = Effect.fnUntraced(function* (ref: ShardRef) {
    const recovered = yield* Activation.activate(ref, claim, {
      journal,
      sealer: config.sealer,
      behaviourOf,
      replayed: config.committed,
    });
    const shard = new Shard(ref, recovered, around);
    shards.set(ref.shard, shard);
    outbox.resend(shard);
  });

  /** Nothing of what was in flight may be sent: forget it all and read the log again. */
  const lost = (shard: Shard, cause: unknown): void => {
    shard.close();
    shards.delete(shard.ref.shard);
    const again: Effect.Effect<void> = Effect.catchCause(
      activate(shard.ref),
      (error) =>
        Effect.logError(`shard ${shard.ref.shard} cannot be activated`, error).pipe(
          Effect.andThen(Effect.sleep(reactivateMs)),
          Effect.andThen(Effect.suspend(() => again)),
        ),
    );
    run(
      Effect.logError(`shard ${shard.ref.shard} was lost`, cause).pipe(
        Effect.andThen(Effect.sleep(reactivateMs)),
        Effect.andThen(again),
        Effect.forkIn(scope),
      ),
    );
  };

  for (let n = 0; n < claim.shards; n++) yield* activate({ cell: config.cell, shard: n });

  const take = submission(shards, behaviourOf, run);
  yield* serve(bus, config, shards, take, outbox);

  const sweep = (): void => {
    for (const shard of shards.values()) {
      try {
        shard.sweep();
      } catch (cause) {
        fork(Effect.logError(`housekeeping of shard ${shard.ref.shard}`, cause));
      }
    }
    for (const [n, through] of cuts) {
      const ref = { cell: config.cell, shard: n };
      if (config.projected(ref) < through) continue;
      cuts.delete(n);
      fork(journal.cut(ref, through));
    }
  };
  yield* Effect.sync(sweep).pipe(
    Effect.andThen(Effect.sleep(sweepMs)),
    Effect.forever,
    Effect.forkScoped,
  );
  yield* Effect.addFinalizer(() => Effect.sync(() => shards.forEach((shard) => shard.close())));

  return Actors.of({
    submit: (envelope) =>
      Effect.callback((resume) => take(envelope, (reply) => resume(Effect.succeed(reply)))),
    count: (kind) => {
      let count = 0;
      for (const { cells } of shards.values()) {
        for (const cell of cells.values()) {
          if (cell.overSince === 0 && kindOf(cell.actor) === kind) count++;
        }
      }
      return count;
    },
  });
});

type Answered = (reply: Reply | undefined) => void;
type Take = (envelope: CommandEnvelope, answered: Answered) => void;

/**
 * One command through preparation and turn. The same id arriving again while the first is under way
 * waits for the same reply; arriving later it is answered from the actor's memory. By callback,
 * because a command that needs no preparation is to cost no fiber.
 */
const submission = (
  shards: ReadonlyMap<number, Shard>,
  behaviourOf: (actor: ActorId) => AnyBehaviour,
  run: (effect: Effect.Effect<void>) => void,
): Take => {
  const running = new Map<string, Array<Answered>>();

  const offer = (shard: Shard, envelope: Addressed, facts: unknown, resume: Answered): void => {
    const { id, actor, tenant, causation, traceparent, deadline, command } = envelope;
    const input = { _tag: "Command", command, facts } as const;
    shard.offer({ id, actor, tenant, causation, traceparent, deadline, input, resume });
  };

  return (given, answered) => {
    const shard = shards.get(given.shard);
    if (shard === undefined) return answered(undefined);
    const cell = shard.cells.get(given.actor);
    const tenant = given.tenant ?? cell?.tenant ?? "";
    const envelope = given.tenant === tenant ? given as Addressed : { ...given, tenant };
    const key = `${envelope.actor} ${envelope.id}`;
    const others = running.get(key);
    if (others !== undefined) return void others.push(answered);
    const waiting = [answered];
    running.set(key, waiting);
    const settle: Answered = (reply) => {
      running.delete(key);
      for (const tell of waiting) tell(reply);
    };
    const known = cell?.replies.some(({ id }) => id === envelope.id) ?? false;
    const preparation = known
      ? undefined
      : behaviourOf(envelope.actor).prepare(envelope, cell?.state);
    if (preparation === undefined) return offer(shard, envelope, undefined, settle);
    run(Effect.matchCause(preparation, {
      onFailure: () => settle(undefined),
      onSuccess: (prepared) =>
        prepared._tag === "Reply"
          ? settle(prepared.reply)
          : offer(shard, envelope, prepared.facts, settle),
    }));
  };
};

/** The doors of the shards on the bus. What comes in is checked here, whoever sent it. */
const serve = Effect.fnUntraced(function* (
  bus: Bus["Service"],
  config: Config,
  shards: ReadonlyMap<number, Shard>,
  take: Take,
  outbox: Outbox.Outbox,
): Effect.fn.Return<void, never, Scope.Scope> {
  const malformed = config.counters.counter("bus_messages_refused_total", { reason: "schema" });
  const incarnations = new Map<string, string>();

  const answer = (envelope: CommandEnvelope): Effect.Effect<ReplyEnvelope | undefined> =>
    Effect.callback((resume) =>
      take(envelope, (reply) => {
        const { id, shard } = envelope;
        const epoch = shards.get(shard)?.epoch ?? 0;
        resume(Effect.succeed(reply === undefined ? undefined : { id, epoch, reply }));
      })
    );
  const refuse = Effect.sync(() => {
    malformed.value++;
    return unreadable;
  });
  /** Edges stand in the outer zone: their commands are checked to the last field. */
  const request = (payload: unknown): Effect.Effect<ReplyEnvelope | undefined> => {
    const envelope = decodeRequest(payload);
    return envelope._tag === "Success" ? answer(envelope.value) : refuse;
  };
  const query = (payload: unknown): Effect.Effect<ReplyEnvelope | undefined> =>
    isQuery(payload) ? answer(payload) : refuse;

  const announced = (payload: unknown): void => {
    const decoded = decodeAnnouncement(payload);
    if (decoded._tag === "Failure") return void malformed.value++;
    const { role, worker, incarnation } = decoded.value;
    if (role === "core" || incarnations.get(`${role}/${worker}`) === incarnation) return;
    incarnations.set(`${role}/${worker}`, incarnation);
    const at = config.environment.now();
    for (const shard of shards.values()) {
      if (role === "edge" && shard.cells.size > 0) {
        shard.broadcast({ _tag: "EdgeLost", at, edge: worker, incarnation });
      }
      outbox.resend(shard, { _tag: role === "edge" ? "Edge" : "Media", id: worker });
    }
  };

  for (let n = 0; n < config.claim.shards; n++) {
    yield* bus.serve(Subjects.commands(config.cell, n), request);
    yield* bus.serve(Subjects.queries(config.cell, n), query);
    yield* bus.subscribe(Subjects.done(config.cell, n), (payload) =>
      Effect.sync(() => {
        const refs = decodeDone(payload);
        if (refs._tag === "Failure") return void malformed.value++;
        for (const ref of refs.value) shards.get(n)?.confirm(ref);
      }));
  }
  yield* bus.subscribe(Subjects.announce, (payload) => Effect.sync(() => announced(payload)));
});
