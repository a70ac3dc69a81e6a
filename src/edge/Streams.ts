/** SIP over TCP and TLS (RFC 3261 section 18): listeners, and connections that we open. */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { Effect, type Scope } from "effect";
import type { SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Text from "../kernel/Text.ts";
import * as Frame from "../sip/Frame.ts";
import type { Malformed } from "../sip/Message.ts";
import * as Connections from "./Connections.ts";
import type { Connection, Dial, Flows, Source } from "./Flows.ts";
import type { Inbound } from "./Inbound.ts";
import { type ListenFailed, listenFailed, plainAddress, type StreamLimits } from "./Listen.ts";
import type { TimerWheel } from "./TimerWheel.ts";
import * as Watch from "./Watch.ts";

export interface Certificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface Ports {
  readonly flows: Flows;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  readonly inbound: () => Inbound;
  readonly limits: StreamLimits;
  readonly connections: Connections.Connections;
}

const dialMs = 4_000;

/** A peer that closes at once cannot be told more: what is due is sent, then it is over. */
const reasonOf = ({ status }: Malformed): Connections.Closing =>
  status === 413 || status === 414 || status === 513 ? "tooLong" : "malformed";

/** Makes a flow of a socket. `silentMs`: how long its peer may say nothing at all. */
const attach = (
  ports: Ports,
  transport: Transport,
  socket: Socket,
  remote: SocketAddress,
  silentMs: number,
): Connection => {
  const { connections, flows, limits } = ports;
  const framer = Frame.make();
  let closed = false;
  const connection: Connection = {
    id: flows.number(),
    transport,
    remote,
    send: (text) => {
      if (closed) return;
      socket.write(Text.toBytes(text));
      // A peer that does not read must not fill our memory.
      if (socket.writableLength <= limits.unread) return;
      connection.close("unread");
      socket.destroy();
    },
    close: (reason) => {
      if (closed) return;
      closed = true;
      watch.stop();
      flows.remove(connection);
      connections.closed(transport, reason);
      socket.destroySoon();
      // What is due may never be read: the descriptor is freed all the same.
      ports.wheel.start(limits.messageMs, () => void socket.destroy());
    },
  };
  const watch = Watch.make(ports, silentMs, connection.close);
  const source: Source = { transport, connection: connection.id, remote };
  flows.add(connection);
  connections.opened(transport);
  socket.setNoDelay(true);
  socket.on("data", (chunk: Uint8Array) => {
    if (closed) return;
    const outputs = framer.push(chunk);
    for (const output of outputs) ports.inbound().output(output, source);
    const last = outputs.at(-1);
    if (last?.kind === "broken") return connection.close(reasonOf(last.malformed));
    watch.heard(outputs.length, framer.pending());
  });
  socket.on("error", () => connection.close("broken"));
  socket.on("close", () => connection.close("peer"));
  return connection;
};

const remoteOf = (socket: Socket): SocketAddress => ({
  ip: plainAddress(socket.remoteAddress ?? ""),
  port: socket.remotePort ?? 0,
});

/** Opens a server, and closes it at the end of the scope. */
const open = (
  server: Server,
  transport: Transport,
  ip: string,
  port: number,
): Effect.Effect<number, ListenFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number, ListenFailed>((resume) => {
      // Errors of a later accept (no descriptor is left) are of no listener's concern.
      server.on("error", (error: { readonly code?: string }) =>
        resume(Effect.fail(listenFailed(transport, ip, port, error.code ?? error))));
      server.listen(port, ip, () => {
        const address = server.address();
        resume(Effect.succeed(typeof address === "object" ? address?.port ?? port : port));
      });
    }),
    () =>
      Effect.sync(() =>
        server.close()
      ),
  );

/** The result is the port, which the system chose when 0 was asked for. */
export const listenTcp = (ports: Ports, ip: string, port: number) => {
  const { connections, limits } = ports;
  const server = createServer((socket) => {
    const remote = remoteOf(socket);
    if (!connections.enter("tcp", remote.ip)) return void socket.destroy();
    socket.once("close", () => connections.leave(remote.ip));
    attach(ports, "tcp", socket, remote, limits.firstMs);
  });
  return open(server, "tcp", ip, port);
};

export const listenTls = (ports: Ports, ip: string, port: number, own: Certificate) => {
  const { connections, limits } = ports;
  const server = createTlsServer({
    cert: own.certificate,
    key: own.key,
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.firstMs,
  }, (socket) => {
    guard.settled(socket);
    attach(ports, "tls", socket, remoteOf(socket), limits.firstMs);
  });
  const guard = Connections.guard(server, "tls", connections);
  return open(server, "tls", ip, port);
};

/** Opens connections for requests; a TLS peer is verified against the system's roots. */
export const dial = (ports: Ports): Dial => (transport, remote, opened) => {
  const { connections, limits } = ports;
  const { ip: host, port } = remote;
  if (transport !== "tcp" && transport !== "tls" || !connections.enter(transport, host)) {
    return opened(undefined);
  }
  let settled = false;
  const settle = (connection: Connection | undefined): void => {
    if (settled) return;
    settled = true;
    ports.wheel.stop(timer);
    opened(connection);
  };
  // Who was called speaks when it has something to say.
  const ready = (): void =>
    settled
      ? void socket.destroy()
      : settle(attach(ports, transport, socket, remote, limits.idleMs));
  const socket: Socket = transport === "tcp"
    ? createConnection({ host, port }, ready)
    : connectTls({ host, port, minVersion: "TLSv1.2" }, ready);
  const timer = ports.wheel.start(dialMs, () => {
    settle(undefined);
    socket.destroy();
  });
  socket.once("close", () => {
    connections.leave(host);
    settle(undefined);
  });
  socket.on("error", () => settle(undefined));
};
