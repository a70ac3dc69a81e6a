/** An edge: sockets, transactions and the way to the core, assembled. */
import { lookup } from "node:dns";
import { Effect, Schema } from "effect";
import type { EffectBatch } from "../../schemas/Effect.ts";
import { Realms } from "../../schemas/Envelope.ts";
import type { CellId, WorkerId } from "../../schemas/Ids.ts";
import type { SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../bus/Bus.ts";
import * as Base32 from "../kernel/Base32.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { RoutingKeys } from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import * as Admission from "./Admission.ts";
import type { Context, Place } from "./Context.ts";
import * as Connections from "./Connections.ts";
import * as CoreLink from "./CoreLink.ts";
import * as Defects from "./Defects.ts";
import * as Flows from "./Flows.ts";
import { Inbound } from "./Inbound.ts";
import * as KeepAlives from "./KeepAlives.ts";
import { type StreamLimits, streamLimits } from "./Listen.ts";
import * as Listeners from "./Listeners.ts";
import * as Notices from "./Notices.ts";
import { Performer } from "./Performer.ts";
import * as RealmDirectory from "./Realms.ts";
import * as Refusals from "./Refusals.ts";
import * as Resolver from "./Resolver.ts";
import * as Streams from "./Streams.ts";
import * as TimerWheel from "./TimerWheel.ts";
import { Transactions } from "./Transactions.ts";

export interface Config extends Listeners.Config {
  readonly edge: WorkerId;
  readonly routing: RoutingKeys;
  readonly callKey: Uint8Array;
  readonly shards: (cell: CellId) => number;
  readonly environment: Environment;
  readonly limits: EdgeLimits;
}

export interface EdgeLimits extends Connections.Limits {
  readonly streams: StreamLimits;
  readonly transactions: number;
  /** Between two packets to a phone behind NAT. */
  readonly keepAliveMs: number;
  /** Messages of one source address. */
  readonly messages: Admission.Rate;
  /** New requests out of dialogs of one source address. */
  readonly dialogs: Admission.Rate;
}

export const defaultLimits: EdgeLimits = {
  connections: 20_000,
  connectionsPerSource: 2_000,
  streams: streamLimits,
  transactions: 200_000,
  keepAliveMs: 25_000,
  messages: { perSecond: 10_000, burst: 20_000 },
  dialogs: { perSecond: 1_000, burst: 2_000 },
};

export interface Edge {
  readonly incarnation: string;
  /** Where it listens; the ports are the real ones. */
  readonly places: Readonly<Partial<Record<Transport, Place>>>;
  readonly connections: () => number;
  readonly transactions: () => number;
}

const decodeRealms = Schema.decodeUnknownExit(Realms);

export const make = Effect.fnUntraced(function* (config: Config) {
  const { callKey, counters, edge, environment, limits, routing, shards } = config;
  const { now } = environment;
  const bus = yield* Bus;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const incarnation = Base32.encode(environment.random(5));
  const defect = Defects.limited(
    environment.now,
    (what, cause) => void run(Effect.logError(what, cause)),
  );
  const wheel = TimerWheel.make(environment, (cause) => defect("a timer failed", cause));
  const resolve = Resolver.make(wheel, (host, found) => lookup(host, { verbatim: true }, found));
  const realms = RealmDirectory.make(new Set([config.bind, Text.hostOf(config.bind), "localhost"]));
  const opened: Listeners.Opened = { places: {} };
  const { places } = opened;

  const streams: Streams.Ports = {
    get flows() {
      return flows;
    },
    wheel,
    now,
    inbound: () => inbound,
    limits: limits.streams,
    connections: Connections.make(limits, counters),
  };
  const datagrams = (text: string, { ip, port }: SocketAddress): void => {
    const octets = Text.toBytes(text);
    opened.udp?.send(octets, octets.length, ip, port);
  };
  const flows: Flows.Flows = Flows.make({
    edge,
    incarnation,
    datagrams,
    dial: (...given) => Streams.dial(streams)(...given),
    now,
  });
  const { send } = flows;
  const context: Context = {
    ...{ edge, incarnation, environment, counters, wheel, flows, realms, places, resolve },
    ...{ routing, callKey, shards, defect },
    refusals: Refusals.make(counters),
    keepAlives: KeepAlives.make({
      wheel,
      now,
      everyMs: limits.keepAliveMs,
      send: (remote, text) => datagrams(text, remote),
      counters,
    }),
    transactions: new Transactions({ wheel, counters, send, limit: limits.transactions }),
    core: CoreLink.make({ bus, environment, counters, run }),
    ...Notices.make({ bus, environment, run }),
  };
  const performer = new Performer(context);
  const inbound = new Inbound(context, {
    messages: Admission.make(limits.messages),
    dialogs: Admission.make(limits.dialogs),
  }, performer);

  yield* Listeners.open(config, streams, opened);
  yield* serve(bus, context, performer);
  const made: Edge = {
    incarnation,
    places,
    connections: flows.count,
    transactions: () => context.transactions.size,
  };
  return made;
});

/** What the core sends to an edge; its announcement says that it is there to receive it. */
const serve = Effect.fnUntraced(function* (
  bus: Bus["Service"],
  { edge, incarnation, realms }: Context,
  performer: Performer,
) {
  yield* bus.subscribe(Subjects.realms, (payload) =>
    Effect.sync(() => {
      const decoded = decodeRealms(payload);
      if (decoded._tag === "Success") realms.update(decoded.value);
    }));
  yield* bus.serve(
    Subjects.edge(edge),
    (payload) => Effect.sync(() => performer.perform(payload as EffectBatch)),
  );
  yield* bus.publish(Subjects.announce, { role: "edge", worker: edge, incarnation });
});
