/** An edge: sockets, transactions and the way to the core, assembled. */
import { lookup } from "node:dns";
import { Effect, Schema } from "effect";
import { Realms } from "../../schemas/Envelope.ts";
import type { EffectBatch, EffectRef } from "../../schemas/Effect.ts";
import type { CellId, WorkerId } from "../../schemas/Ids.ts";
import type { MessageRow } from "../../schemas/rpc/Rows.ts";
import type { SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../bus/Bus.ts";
import * as Base32 from "../kernel/Base32.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { RoutingKeys } from "../kernel/RoutingTag.ts";
import * as Text from "../kernel/Text.ts";
import * as Limits from "../sip/Limits.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Udp, UdpSocket } from "../udp/Udp.ts";
import * as Admission from "./Admission.ts";
import type { Context, Place } from "./Context.ts";
import { isLiteral } from "./Identity.ts";
import * as Connections from "./Connections.ts";
import * as CoreLink from "./CoreLink.ts";
import * as Defects from "./Defects.ts";
import * as Flows from "./Flows.ts";
import { Inbound } from "./Inbound.ts";
import * as KeepAlives from "./KeepAlives.ts";
import { listenFailed, type StreamLimits, streamLimits } from "./Listen.ts";
import { Performer } from "./Performer.ts";
import * as RealmDirectory from "./Realms.ts";
import * as Refusals from "./Refusals.ts";
import * as Streams from "./Streams.ts";
import * as TimerWheel from "./TimerWheel.ts";
import { Transactions } from "./Transactions.ts";
import * as WebSockets from "./WebSockets.ts";

export interface Config {
  readonly edge: WorkerId;
  /** IP address of the listeners, and what the outside calls us by. */
  readonly bind: string;
  /** 0 lets the system choose; null switches the listener off. */
  readonly ports: {
    readonly sip: number;
    readonly tls: number | null;
    readonly wss: number | null;
  };
  readonly certificate: Streams.Certificate | null;
  /** Origins of pages whose WebSockets are taken; null: all. */
  readonly origins?: ReadonlyArray<string> | null;
  readonly routing: RoutingKeys;
  readonly callKey: Uint8Array;
  readonly shards: (cell: CellId) => number;
  readonly environment: Environment;
  readonly counters: Counters;
  readonly udp: Udp;
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

const doneMs = 50;
const traceMs = 500;
const mostTraces = 20_000;
const decodeRealms = Schema.decodeUnknownExit(Realms);

/** Collects for a while and passes on at once what was collected. */
const collector = <Item>(
  environment: Environment,
  delayMs: number,
  pass: (items: ReadonlyArray<Item>) => void,
  most = Infinity,
) => {
  let items: Array<Item> = [];
  return (item: Item): void => {
    if (items.length >= most) return;
    items.push(item);
    if (items.length > 1) return;
    environment.schedule(delayMs, () => {
      const taken = items;
      items = [];
      pass(taken);
    });
  };
};

const hostOf = (ip: string): string => ip.includes(":") ? `[${ip}]` : ip;

const resolve = (host: string, resolved: (ip: string | undefined) => void): void => {
  if (isLiteral(host)) return resolved(host);
  lookup(host, { verbatim: true }, (error, ip) => resolved(error === null ? ip : undefined));
};

export const make = Effect.fnUntraced(function* (config: Config) {
  const { counters, edge, environment, limits } = config;
  const bus = yield* Bus;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const incarnation = Base32.encode(environment.random(5));
  const defect = Defects.limited(
    environment.now,
    (what, cause) => void run(Effect.logError(what, cause)),
  );
  const wheel = TimerWheel.make(environment, (cause) => defect("a timer failed", cause));
  const sockets: { udp?: UdpSocket } = {};
  const places: Partial<Record<Transport, Place>> = {};

  const streams: Streams.Ports = {
    get flows() {
      return flows;
    },
    wheel,
    now: environment.now,
    inbound: () => inbound,
    limits: limits.streams,
    connections: Connections.make(limits, counters),
  };
  const datagrams = (text: string, { ip, port }: SocketAddress): void => {
    const octets = Text.toBytes(text);
    sockets.udp?.send(octets, octets.length, ip, port);
  };
  const flows: Flows.Flows = Flows.make({
    edge,
    incarnation,
    datagrams,
    dial: (...given) => Streams.dial(streams)(...given),
    now: environment.now,
  });
  const own = new Set([config.bind, hostOf(config.bind), "localhost"]);
  const realms = RealmDirectory.make(own);
  const dones = new Map<string, (ref: EffectRef) => void>();

  const context: Context = {
    edge,
    incarnation,
    environment,
    counters,
    refusals: Refusals.make(counters),
    defect,
    wheel,
    flows,
    keepAlives: KeepAlives.make({
      wheel,
      now: environment.now,
      everyMs: limits.keepAliveMs,
      send: (remote, text) => datagrams(text, remote),
      counters,
    }),
    transactions: new Transactions({
      wheel,
      counters,
      send: flows.send,
      limit: limits.transactions,
    }),
    core: CoreLink.make({ bus, environment, counters, run }),
    realms,
    routing: config.routing,
    callKey: config.callKey,
    shards: config.shards,
    places,
    resolve,
    trace: collector<MessageRow>(
      environment,
      traceMs,
      (rows) => run(bus.publish(Subjects.traces, rows)),
      mostTraces,
    ),
    done: ({ cell, shard }: Pick<EffectBatch, "cell" | "shard">, ref) => {
      const subject = Subjects.done(cell, shard);
      const known = dones.get(subject) ??
        collector<EffectRef>(environment, doneMs, (refs) => run(bus.publish(subject, refs)));
      dones.set(subject, known);
      known(ref);
    },
  };
  const performer = new Performer(context);
  const inbound = new Inbound(context, {
    messages: Admission.make(limits.messages),
    dialogs: Admission.make(limits.dialogs),
  }, performer);

  const { bind, certificate, ports } = config;
  const udp = sockets.udp = yield* Effect.acquireRelease(
    config.udp.bind({
      ip: bind,
      port: ports.sip,
      maxOctets: Limits.defaults.datagram,
      receive: (octets, length, ip, port) => inbound.datagram(octets, length, ip, port),
      failed: (reason) => {
        counters.counter("edge_messages_dropped_total", { reason }).value++;
      },
    }).pipe(Effect.mapError(({ reason }) => listenFailed("udp", bind, ports.sip, reason))),
    (socket) => Effect.sync(() => socket.close()),
  );
  const host = hostOf(bind);
  places.udp = { host, port: udp.port };
  // The same number for UDP and TCP (RFC 3261 section 19.1.2 has one default port for both).
  places.tcp = { host, port: yield* Streams.listenTcp(streams, bind, udp.port) };
  if (certificate !== null && ports.tls !== null) {
    const port = yield* Streams.listenTls(streams, bind, ports.tls, certificate);
    places.tls = { host, port };
  }
  if (certificate !== null && ports.wss !== null) {
    const origins = config.origins?.map((origin) => origin.toLowerCase()) ?? null;
    const allowed = origins === null ? null : new Set(origins);
    const port = yield* WebSockets.listenWss(streams, bind, ports.wss, certificate, allowed);
    places.wss = { host, port };
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => flows.closeAll()));

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

  const made: Edge = {
    incarnation,
    places,
    connections: flows.count,
    transactions: () => context.transactions.size,
  };
  return made;
});
