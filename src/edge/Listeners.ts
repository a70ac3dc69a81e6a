/** The listeners of an edge: every transport that is switched on. */
import { Effect } from "effect";
import type { Transport } from "../../schemas/Sip.ts";
import * as Text from "../kernel/Text.ts";
import * as Limits from "../sip/Limits.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Udp, UdpSocket } from "../udp/Udp.ts";
import type { Place } from "./Context.ts";
import { listenFailed } from "./Listen.ts";
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
  const udp = opened.udp = yield* openUdp(config, streams);
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
  yield* Effect.addFinalizer(() => Effect.sync(() => streams.flows.closeAll()));
});
