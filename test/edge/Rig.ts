/** An edge on real sockets, with a core of the test's own behind a memory bus. */
import { Cause, Deferred, Effect, Exit, Fiber } from "effect";
import { onTestFinished } from "vitest";
import type { EffectBatch } from "../../schemas/Effect.ts";
import type { RequestEnvelope } from "../../schemas/Envelope.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../../src/bus/Bus.ts";
import * as MemoryBus from "../../src/bus/Memory.ts";
import * as Edge from "../../src/edge/Edge.ts";
import { streamLimits } from "../../src/edge/Listen.ts";
import * as Certificate from "../../src/role/Certificate.ts";
import * as Environment from "../../src/role/Environment.ts";
import { udp } from "../../src/role/Udp.ts";
import type { Udp } from "../../src/udp/Udp.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Folders from "../support/Folders.ts";
import type { Address } from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

type Envelope = typeof RequestEnvelope.Type;

export interface Options {
  readonly limits?: Partial<Omit<Edge.EdgeLimits, "streams">>;
  readonly streams?: Partial<Edge.EdgeLimits["streams"]>;
  readonly origins?: ReadonlyArray<string>;
  /** Instead of the runtime's own UDP. */
  readonly udp?: Udp;
  /** How many shards a cell has. */
  readonly shards?: () => number;
  /** What the core says to a command; an exception is a core that dies over it. */
  readonly answer?: (envelope: Envelope) => Reply | undefined;
}

export interface Rig {
  readonly edge: Edge.Edge;
  readonly place: (transport: "udp" | "tcp" | "tls" | "wss") => Address;
  readonly certificate: string;
  /** What the core was asked. */
  readonly commands: ReadonlyArray<Envelope>;
  readonly perform: (batch: EffectBatch) => Promise<unknown>;
  readonly counted: (name: string, labels?: Counters.Labels) => number;
  /** Waits until so many are counted. */
  readonly counts: (name: string, labels: Counters.Labels, value: number) => Promise<void>;
}

export const domain = "one.test";
const countMs = 5_000;

/** A key and a certificate: made once, because they cost. */
let made: Promise<{ readonly certificate: string; readonly key: string }> | undefined;
const certificate = () =>
  made ??= Effect.runPromise(
    Certificate.load(Folders.make("tls"), "127.0.0.1", Date.now()),
  );

const answered = (envelope: Envelope, reply: Reply | undefined) =>
  reply === undefined ? undefined : { id: envelope.id, epoch: 1, reply };

const program = Effect.fnUntraced(function* (
  options: Options,
  counters: Counters.Counters,
  commands: Array<Envelope>,
  ready: Deferred.Deferred<{ readonly edge: Edge.Edge; readonly bus: Bus["Service"] }>,
) {
  const bus = yield* Bus;
  const { answer = () => undefined } = options;
  yield* bus.serve(Subjects.commands("a", 0), (payload) =>
    Effect.sync(() => {
      const envelope = payload as Envelope;
      commands.push(envelope);
      return answered(envelope, answer(envelope));
    }));
  const edge = yield* Edge.make({
    edge: "e1",
    bind: "127.0.0.1",
    ports: { sip: 0, tls: 0, wss: 0 },
    certificate: yield* Effect.promise(certificate),
    origins: options.origins ?? null,
    routing: { current: new Uint8Array(32).fill(1), previous: null },
    callKey: new Uint8Array(32).fill(2),
    shards: options.shards ?? (() => 1),
    environment: Environment.live(),
    counters,
    udp: options.udp ?? udp(),
    limits: {
      ...Edge.defaultLimits,
      ...options.limits,
      streams: { ...streamLimits, checkMs: 50, ...options.streams },
    },
  });
  const realms = {
    version: 1,
    domains: [{ domain, tenant: "one", cell: "a" }],
    trunks: [],
  };
  yield* bus.publish(Subjects.realms, realms);
  yield* Deferred.succeed(ready, { edge, bus });
  yield* Effect.never;
});

/** Lives as long as the test. */
export const start = async (options: Options = {}): Promise<Rig> => {
  const counters = Counters.make();
  const commands: Array<Envelope> = [];
  const ready = Effect.runSync(
    Deferred.make<{ readonly edge: Edge.Edge; readonly bus: Bus["Service"] }>(),
  );
  const fiber = Effect.runFork(
    Effect.scoped(program(options, counters, commands, ready)).pipe(
      Effect.provide(MemoryBus.layer),
    ),
  );
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit)) {
      Effect.runFork(Deferred.die(ready, new Error(Cause.pretty(exit.cause))));
    }
  });
  onTestFinished(() => Effect.runPromise(Fiber.interrupt(fiber)).then(() => undefined));
  const { bus, edge } = await Effect.runPromise(Deferred.await(ready));
  const counted: Rig["counted"] = (name, labels = {}) =>
    counters.snapshot()
      .filter((row) =>
        row.name === name &&
        Object.entries(labels).every(([label, value]) => row.labels[label] === value)
      )
      .reduce((sum, { value }) => sum + value, 0);
  const shown = () => JSON.stringify(counters.snapshot().filter(({ value }) => value > 0));
  return {
    edge,
    certificate: (await certificate()).certificate,
    commands,
    counted,
    place: (transport) => ({ ip: "127.0.0.1", port: edge.places[transport]!.port }),
    perform: (batch) => Effect.runPromise(bus.request(Subjects.edge("e1"), batch, 1_000)),
    counts: async (name, labels, value) => {
      await until(
        `${name} ${JSON.stringify(labels)} at ${value}`,
        () => counted(name, labels) >= value,
        countMs,
        { context: shown },
      );
    },
  };
};
