/** Actors on a bus in memory and a journal that can be made to fail, under a clock of their own. */
import { Clock, Effect, Exit, References, Scope } from "effect";
import type { EffectBatch, Performed } from "../../schemas/Effect.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Actors, make } from "../../src/actor/Actors.ts";
import type { AnyBehaviour } from "../../src/actor/Behaviour.ts";
import type { Committed, Limits } from "../../src/actor/Shard.ts";
import { Bus } from "../../src/bus/Bus.ts";
import * as MemoryBus from "../../src/bus/Memory.ts";
import { Journal, JournalUnavailable } from "../../src/journal/Journal.ts";
import * as Memory from "../../src/journal/Memory.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Virtual from "../support/Virtual.ts";
import { sealer } from "./Rig.ts";
import * as Tally from "./Tally.ts";

/**
 * How the journal takes appends: `unsure` stores and fails, `held` waits until it is good again,
 * `silent` never answers.
 */
export type Mood = "good" | "failing" | "unsure" | "held" | "silent";

export interface Options {
  readonly limits?: Partial<Limits>;
  readonly behaviour?: AnyBehaviour;
  readonly shards?: number;
}

const broken = new JournalUnavailable({ reason: "no disk", remedy: "bring one" });

/** What outlives a process. */
export const world = () => {
  const virtual = Virtual.make();
  const stored = Memory.make();
  let mood: Mood = "good";
  let held: Array<() => void> = [];
  const append: Journal["Service"]["append"] = (one) =>
    Effect.suspend(() => {
      if (mood === "good") return stored.append(one);
      if (mood === "silent") return Effect.never;
      if (mood === "held") {
        return Effect.callback((resume) => void held.push(() => resume(stored.append(one))));
      }
      if (mood === "failing") return Effect.fail(broken);
      return Effect.andThen(stored.append(one), Effect.fail(broken));
    });
  return {
    virtual,
    stored,
    journal: { ...stored, append },
    set: (to: Mood) => {
      mood = to;
      const waiting = held;
      held = [];
      for (const go of waiting) go();
    },
    pass: virtual.pass,
  };
};

export type World = ReturnType<typeof world>;

/** A process: its own bus, and actors on the world's journal. */
export const start = async (around: World, options: Options = {}) => {
  const counters = Counters.make();
  const committed: Array<Committed> = [];
  const behaviour = options.behaviour ?? Tally.behaviour;
  let projected = Infinity;
  const scope = await Effect.runPromise(Scope.make());
  const here = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
    Effect.runPromise(
      effect.pipe(
        Scope.provide(scope),
        Effect.provideService(Clock.Clock, around.virtual.clock),
        Effect.provideService(References.MinimumLogLevel, "None"),
      ),
    );
  const bus = await here(MemoryBus.make);
  const actors: Actors["Service"] = await here(
    make({
      cell: "a",
      claim: { owner: "test", shards: options.shards ?? 1, hashVersion: 1 },
      limits: {
        mailbox: 100,
        mailboxPerTenant: 50,
        batchRecords: 50,
        checkpointRecords: 1_000_000,
        checkpointActors: 1_000_000,
        ...options.limits,
      },
      environment: around.virtual.environment,
      sealer,
      behaviours: { call: behaviour, user: behaviour, tenant: behaviour },
      counters,
      committed: (_, records) => void committed.push(...records),
      projected: () => projected,
    }).pipe(
      Effect.provideService(Journal, around.journal),
      Effect.provideService(Bus, bus),
    ),
  );

  const envelope = (id: string, actor: string, command: Tally.Command, shard = 0) => ({
    id,
    cell: "a",
    shard,
    tenant: "acme",
    actor: `call/${actor}`,
    deadline: around.virtual.environment.now() + 32_000,
    causation: "",
    traceparent: null,
    command: command as never,
  });

  /** A command; the result is its reply as text, or "unknown". */
  const submit = async (id: string, actor: string, command: Tally.Command, shard = 0) => {
    const reply = await Effect.runPromise(actors.submit(envelope(id, actor, command, shard)));
    return text(reply);
  };
  /** An edge or a media worker that performs as it is told. */
  const worker = async (subject: string, perform: (batch: EffectBatch) => unknown) => {
    const batches: Array<EffectBatch> = [];
    await here(bus.serve(subject, (payload) =>
      Effect.suspend(() => {
        batches.push(payload as EffectBatch);
        const performed = perform(payload as EffectBatch);
        return Effect.isEffect(performed) ? performed as Effect.Effect<unknown> : Effect.succeed(
          performed,
        );
      })));
    const slots = () => batches.flatMap(({ effects }) => effects.map(({ ref }) => ref.slot));
    return { batches, slots };
  };
  return {
    actors,
    bus,
    counters,
    committed,
    submit,
    worker,
    edge: (perform: (batch: EffectBatch) => unknown) => worker(Subjects.edge("e1"), perform),
    announce: (role: "edge" | "media", incarnation: string) =>
      here(bus.publish(Subjects.announce, {
        role,
        worker: role === "edge" ? "e1" : "m1",
        incarnation,
      })),
    publish: (subject: string, payload: unknown) => here(bus.publish(subject, payload)),
    request: (subject: string, payload: unknown) =>
      Effect.runPromise(Effect.result(bus.request(subject, payload, 60_000))),
    envelope,
    projectedTo: (sequence: number) => void (projected = sequence),
    count: (name: string, labels: Readonly<Record<string, string>> = {}) =>
      counters.counter(name, labels).value,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  };
};

export const text = (reply: Reply | undefined): string =>
  reply === undefined
    ? "unknown"
    : reply._tag === "Answered"
    ? `${reply.status} ${reply.reason ?? ""}`.trim()
    : reply._tag;

export const done = ({ effects }: EffectBatch): Performed => effects.map(() => "done");
export const taken = ({ effects }: EffectBatch): Performed => effects.map(() => "taken");
