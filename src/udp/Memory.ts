/**
 * A network in memory: deterministic, without time. Packets wait in one queue, in the order of
 * their sending, until `deliver` is called.
 */
import { Effect } from "effect";
import * as Udp from "./Udp.ts";

export interface Datagram {
  readonly fromIp: string;
  readonly fromPort: number;
  readonly toIp: string;
  readonly toPort: number;
  readonly bytes: Uint8Array;
}

export interface Network {
  readonly io: Udp.Udp;
  /** Puts a datagram into the queue, from any address. */
  readonly send: (datagram: Datagram) => void;
  /** Delivers all that waits and all that this causes; at most `limit`. Gives the datagrams. */
  readonly deliver: (limit?: number) => ReadonlyArray<Datagram>;
  /** Ports that are bound on an address. */
  readonly bound: (ip: string) => ReadonlyArray<number>;
  /** Sockets that were bound so far. */
  readonly binds: () => number;
}

interface Bound extends Udp.BindOptions {
  readonly port: number;
}

const keyOf = (ip: string, port: number): string => `${ip} ${port}`;

const hand = (socket: Bound | undefined, datagram: Datagram): void => {
  if (socket === undefined) return;
  const { bytes, fromIp, fromPort } = datagram;
  if (bytes.length > socket.maxOctets) return socket.failed("oversize");
  // A copy: the receiver may change it, and the trace shall keep what was sent.
  socket.receive(bytes.slice(), bytes.length, fromIp, fromPort);
};

export const make = (): Network => {
  const sockets = new Map<string, Bound>();
  let queue: Array<Datagram> = [];
  let binds = 0;

  const freePort = (ip: string): number => {
    let port = 49_152;
    while (sockets.has(keyOf(ip, port))) port++;
    return port;
  };

  const open = (options: Udp.BindOptions): Udp.UdpSocket => {
    const { ip } = options;
    const port = options.port === 0 ? freePort(ip) : options.port;
    const key = keyOf(ip, port);
    binds++;
    sockets.set(key, { ...options, port });
    return {
      port,
      send: (bytes, length, toIp, toPort) => {
        if (!sockets.has(key)) return;
        queue.push({ fromIp: ip, fromPort: port, toIp, toPort, bytes: bytes.slice(0, length) });
      },
      close: () => {
        sockets.delete(key);
      },
    };
  };

  return {
    io: {
      bind: (options) =>
        sockets.has(keyOf(options.ip, options.port))
          ? Effect.fail(
            new Udp.BindFailed({ ip: options.ip, port: options.port, reason: "inUse" }),
          )
          : Effect.sync(() => open(options)),
    },
    send: (datagram) => {
      queue.push(datagram);
    },
    deliver: (limit = 10_000) => {
      const delivered: Array<Datagram> = [];
      while (queue.length > 0 && delivered.length < limit) {
        const batch = queue.slice(0, limit - delivered.length);
        queue = queue.slice(batch.length);
        for (const datagram of batch) {
          delivered.push(datagram);
          hand(sockets.get(keyOf(datagram.toIp, datagram.toPort)), datagram);
        }
      }
      return delivered;
    },
    bound: (ip) => [...sockets.values()].filter((one) => one.ip === ip).map(({ port }) => port),
    binds: () => binds,
  };
};
