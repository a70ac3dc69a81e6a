/** The listeners of an edge: every transport that is switched on. */
import { Effect, Exit, Scope } from "effect";
import type { Transport } from "../../schemas/Sip.ts";
import * as Text from "../kernel/Text.ts";
import * as Limits from "../sip/Limits.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Udp, UdpSocket } from "../udp/Udp.ts";
import type { Place } from "./Context.ts";
import { type ListenFailed, listenFailed } from "./Listen.ts";
import * as Streams from "./Streams.ts";
import * as WebSockets from "./WebSockets.ts";

export interface Config {
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
  readonly udp: Udp;
  readonly counters: Counters;
}

const openUdp = ({ bind, counters, ports, udp }: Config, { inbound }: Streams.Ports) =>
  Effect.acquireRelease(
    udp.bind({
      ip: bind,
      port: ports.sip,
      maxOctets: Limits.defaults.datagram,
      receive: (octets, length, ip, port) => inbound().datagram(octets, length, ip, port),
      failed: (reason) => {
        counters.counter("edge_messages_dropped_total", { reason }).value++;
      },
    }).pipe(Effect.mapError(({ reason }) => listenFailed("udp", bind, ports.sip, reason))),
    (socket) => Effect.sync(() => socket.close()),
  );

interface Sip {
  readonly udp: UdpSocket;
  readonly tcpPort: number;
}

const openBoth = Effect.fnUntraced(function* (config: Config, streams: Streams.Ports) {
  const udp = yield* openUdp(config, streams);
  const tcpPort = yield* Streams.listenTcp(streams, config.bind, udp.port);
  return { udp, tcpPort };
});

/** A port that the system chose for UDP may be taken for TCP: then it chooses again. */
const choices = 8;

/** The same number for UDP and TCP (RFC 3261 section 19.1.2 has one default port for both). */
const openSip = (
  config: Config,
  streams: Streams.Ports,
  left = config.ports.sip === 0 ? choices : 1,
): Effect.Effect<Sip, ListenFailed, Scope.Scope> =>
  Effect.flatMap(Scope.make(), (scope) =>
    openBoth(config, streams).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)),
      Effect.tap(() => Effect.addFinalizer((exit) => Scope.close(scope, exit))),
      Effect.catch((error) => left > 1 ? openSip(config, streams, left - 1) : Effect.fail(error)),
    ));

/** What listens so far. */
export interface Opened {
  readonly places: Partial<Record<Transport, Place>>;
  udp?: UdpSocket;
}

/** Opens them for the life of the scope, and writes each into `opened` as soon as it listens. */
export const open = Effect.fnUntraced(function* (
  config: Config,
  streams: Streams.Ports,
  opened: Opened,
) {
  const { places } = opened;
  const { bind, certificate, ports } = config;
  const host = Text.hostOf(bind);
  const { tcpPort, udp } = yield* openSip(config, streams);
  opened.udp = udp;
  places.udp = { host, port: udp.port };
  places.tcp = { host, port: tcpPort };
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
  yield* Effect.addFinalizer(() => Effect.sync(() => streams.flows.closeAll()));
});
