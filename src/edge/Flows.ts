/**
 * Flows: the UDP sockets of this edge, and its connections by number. What is sent leaves by the
 * flow that it came in on while that lives (RFC 5626), else by one that is opened for it.
 */
import type { Flow, SocketAddress, Transport } from "../../schemas/Sip.ts";
import type { Closing } from "./Connections.ts";

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
  readonly close: (reason: Closing) => void;
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
  readonly add: (connection: Connection) => void;
  readonly remove: (connection: Connection) => void;
  /** Sends by an existing flow; false when there is none. */
  readonly send: (to: Source, text: string) => boolean;
  /** An open connection to an address, or a new one; undefined when none can be had. */
  readonly connect: (
    transport: Transport,
    remote: SocketAddress,
    connected: (to: Source | undefined) => void,
  ) => void;
  /** As `connect` by TCP, for a peer that may not have it: it is not asked each time. */
  readonly upgrade: (
    remote: SocketAddress,
    connected: (to: Source | undefined) => void,
  ) => void;
  /** True when the flow of another edge's or an earlier life's record still leads somewhere. */
  readonly isAlive: (flow: Flow) => boolean;
  readonly count: () => number;
  readonly closeAll: () => void;
}

export interface Config {
  readonly edge: string;
  readonly incarnation: string;
  readonly datagrams: Datagrams;
  readonly dial: Dial;
  readonly now: () => number;
}

/** How long a peer without TCP is left alone, and how many of them are remembered. */
const noTcpMs = 300_000;
const mostNoTcp = 10_000;

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

/** By TCP, unless the peer could not be reached so a while ago. */
const upgrader = (connect: Flows["connect"], now: () => number): Flows["upgrade"] => {
  /** Peers that could not be reached by TCP, and when they may be tried again. */
  const noTcp = new Map<string, number>();
  return (remote, connected) => {
    const key = addressKey("tcp", remote);
    const until = noTcp.get(key);
    if (until !== undefined && until > now()) return connected(undefined);
    noTcp.delete(key);
    connect("tcp", remote, (to) => {
      if (to === undefined) {
        if (noTcp.size >= mostNoTcp) noTcp.delete(noTcp.keys().next().value!);
        noTcp.set(key, now() + noTcpMs);
      }
      connected(to);
    });
  };
};

export const make = (config: Config): Flows => {
  const { datagrams, dial, now } = config;
  const connections = new Map<number, Connection>();
  const byAddress = new Map<string, Connection>();
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

  const connect = connector(dial, byAddress);

  return {
    number: () => ++last,
    add: (connection) => {
      connections.set(connection.id, connection);
      byAddress.set(addressKey(connection.transport, connection.remote), connection);
    },
    remove: (connection) => {
      if (!connections.delete(connection.id)) return;
      const key = addressKey(connection.transport, connection.remote);
      if (byAddress.get(key) === connection) byAddress.delete(key);
    },
    send,
    connect,
    upgrade: upgrader(connect, now),
    isAlive: (flow) =>
      flow.edge === config.edge &&
      (flow.transport === "udp" ||
        flow.connection > 0 && flow.incarnation === config.incarnation &&
          connections.has(flow.connection)),
    count: () => connections.size,
    closeAll: () => {
      for (const connection of [...connections.values()]) connection.close("stopped");
    },
  };
};
