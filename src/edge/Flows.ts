/**
 * Flows: the UDP sockets of this edge, and its connections by number. What is sent leaves by the
 * flow that it came in on while that lives (RFC 5626), else by one that is opened for it.
 */
import type { Flow, SocketAddress, Transport } from "../../schemas/Sip.ts";
import type { Counters } from "../telemetry/Counters.ts";

/** Where a message came from, or shall go. `connection` is 0 for UDP. */
export interface Source {
  readonly transport: Transport;
  readonly connection: number;
  readonly remote: SocketAddress;
}

/** An open connection; the listener or the dialler made it. */
export interface Connection {
  readonly id: number;
  readonly transport: Transport;
  readonly remote: SocketAddress;
  readonly send: (text: string) => void;
  readonly close: () => void;
}

export type Datagrams = (text: string, remote: SocketAddress) => void;

/** Opens a connection to an address; `opened` gets undefined when it cannot be had in time. */
export type Dial = (
  transport: Transport,
  remote: SocketAddress,
  opened: (connection: Connection | undefined) => void,
) => void;

export interface Flows {
  /** The next number of a connection. */
  readonly number: () => number;
  /** False when there are too many, in all or from this address: refuse it. */
  readonly add: (connection: Connection) => boolean;
  readonly remove: (connection: Connection) => void;
  /** Sends by an existing flow; false when there is none. */
  readonly send: (to: Source, text: string) => boolean;
  /** An open connection to an address, or a new one; undefined when none can be had. */
  readonly connect: (
    transport: Transport,
    remote: SocketAddress,
    connected: (to: Source | undefined) => void,
  ) => void;
  /** True when the flow of another edge's or an earlier life's record still leads somewhere. */
  readonly isAlive: (flow: Flow) => boolean;
  readonly count: () => number;
  readonly closeAll: () => void;
}

export interface Limits {
  readonly connections: number;
  readonly connectionsPerSource: number;
}

export interface Config {
  readonly edge: string;
  readonly incarnation: string;
  readonly limits: Limits;
  readonly datagrams: Datagrams;
  readonly dial: Dial;
  readonly counters: Counters;
}

const addressKey = (transport: Transport, { ip, port }: SocketAddress): string =>
  `${transport} ${ip} ${port}`;

/** However many want the same address, it is dialled once. */
const connector = (dial: Dial, open: ReadonlyMap<string, Connection>): Flows["connect"] => {
  const dialling = new Map<string, Array<(connection: Connection | undefined) => void>>();
  return (transport, remote, connected) => {
    const key = addressKey(transport, remote);
    const use = (connection: Connection | undefined): void =>
      connected(
        connection === undefined ? undefined : { transport, connection: connection.id, remote },
      );
    const known = open.get(key);
    if (known !== undefined) return use(known);
    const waiting = dialling.get(key);
    if (waiting !== undefined) return void waiting.push(use);
    dialling.set(key, [use]);
    dial(transport, remote, (connection) => {
      const waiters = dialling.get(key) ?? [];
      dialling.delete(key);
      for (const waiter of waiters) waiter(connection);
    });
  };
};

export const make = (config: Config): Flows => {
  const { counters, datagrams, dial, limits } = config;
  const connections = new Map<number, Connection>();
  const byAddress = new Map<string, Connection>();
  const perSource = new Map<string, number>();
  const refused = counters.counter("edge_connections_refused_total", { reason: "limit" });
  let last = 0;

  const send = (to: Source, text: string): boolean => {
    if (to.transport === "udp") {
      datagrams(text, to.remote);
      return true;
    }
    const connection = connections.get(to.connection);
    connection?.send(text);
    return connection !== undefined;
  };

  return {
    number: () => ++last,
    add: (connection) => {
      const { ip } = connection.remote;
      const own = perSource.get(ip) ?? 0;
      if (connections.size >= limits.connections || own >= limits.connectionsPerSource) {
        refused.value++;
        return false;
      }
      perSource.set(ip, own + 1);
      connections.set(connection.id, connection);
      byAddress.set(addressKey(connection.transport, connection.remote), connection);
      return true;
    },
    remove: (connection) => {
      if (!connections.delete(connection.id)) return;
      const { ip } = connection.remote;
      const left = (perSource.get(ip) ?? 1) - 1;
      if (left > 0) perSource.set(ip, left);
      else perSource.delete(ip);
      const key = addressKey(connection.transport, connection.remote);
      if (byAddress.get(key) === connection) byAddress.delete(key);
    },
    send,
    connect: connector(dial, byAddress),
    isAlive: (flow) =>
      flow.edge === config.edge &&
      (flow.transport === "udp" ||
        flow.connection > 0 && flow.incarnation === config.incarnation &&
          connections.has(flow.connection)),
    count: () => connections.size,
    closeAll: () => {
      for (const connection of [...connections.values()]) connection.close();
    },
  };
};
