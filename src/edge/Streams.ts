/** SIP over TCP and TLS (RFC 3261 section 18): listeners, and connections that we open. */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { Effect, type Scope } from "effect";
import type { SocketAddress, Transport } from "../../schemas/Sip.ts";
import * as Text from "../kernel/Text.ts";
import * as Frame from "../sip/Frame.ts";
import type { Connection, Dial, Flows, Source } from "./Flows.ts";
import type { Inbound } from "./Inbound.ts";
import { type ListenFailed, listenFailed, plainAddress, streamLimits } from "./Listen.ts";
import type { TimerWheel } from "./TimerWheel.ts";

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
}

const checkMs = 5_000;
const dialMs = 4_000;

/** Makes a connection of a socket; undefined when there are too many. */
const attach = (
  ports: Ports,
  transport: Transport,
  socket: Socket,
  remote: SocketAddress,
): Connection | undefined => {
  const { flows, now, wheel } = ports;
  const framer = Frame.make();
  const opened = now();
  let heard = opened;
  let messages = 0;
  let pendingSince = 0;
  let closed = false;
  const connection: Connection = {
    id: flows.number(),
    transport,
    remote,
    send: (text) => {
      if (closed) return;
      socket.write(Text.toBytes(text));
      // A peer that does not read must not fill our memory.
      if (socket.writableLength > streamLimits.unread) connection.close();
    },
    close: () => {
      if (closed) return;
      closed = true;
      flows.remove(connection);
      socket.destroySoon();
    },
  };
  const source: Source = { transport, connection: connection.id, remote };
  if (!flows.add(connection)) {
    socket.destroy();
    return undefined;
  }
  socket.setNoDelay(true);
  socket.on("data", (chunk: Uint8Array) => {
    heard = now();
    messages++;
    if (!ports.inbound().stream(framer, chunk, source)) return connection.close();
    pendingSince = framer.pending() ? pendingSince || heard : 0;
  });
  socket.on("error", () => connection.close());
  socket.on("close", () => connection.close());
  const check = (): void => {
    if (closed) return;
    const at = now();
    const late = messages === 0 && at - opened > streamLimits.firstMs ||
      pendingSince > 0 && at - pendingSince > streamLimits.messageMs ||
      at - heard > streamLimits.idleMs;
    if (late) return connection.close();
    wheel.start(checkMs, check);
  };
  wheel.start(checkMs, check);
  return connection;
};

const remoteOf = (socket: Socket): SocketAddress => ({
  ip: plainAddress(socket.remoteAddress ?? ""),
  port: socket.remotePort ?? 0,
});

/** Opens a server and closes it, with its connections, at the end of the scope. */
const open = (
  server: Server,
  transport: Transport,
  ip: string,
  port: number,
): Effect.Effect<number, ListenFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number, ListenFailed>((resume) => {
      server.once("error", (error: { readonly code?: string }) =>
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
export const listenTcp = (ports: Ports, ip: string, port: number) =>
  open(
    createServer((socket) => void attach(ports, "tcp", socket, remoteOf(socket))),
    "tcp",
    ip,
    port,
  );

export const listenTls = (ports: Ports, ip: string, port: number, own: Certificate) => {
  const server = createTlsServer({
    cert: own.certificate,
    key: own.key,
    minVersion: "TLSv1.2",
    handshakeTimeout: streamLimits.firstMs,
  }, (socket) => void attach(ports, "tls", socket, remoteOf(socket)));
  // A failed handshake is the peer's affair, not an error of the server.
  server.on("tlsClientError", () => {});
  return open(server, "tls", ip, port);
};

/** Opens connections for requests; a TLS peer is verified against the system's roots. */
export const dial = (ports: Ports): Dial => (transport, remote, opened) => {
  if (transport !== "tcp" && transport !== "tls") return opened(undefined);
  let settled = false;
  const settle = (connection: Connection | undefined): void => {
    if (settled) return;
    settled = true;
    ports.wheel.stop(timer);
    opened(connection);
  };
  const { ip: host, port } = remote;
  const ready = (): void => settle(attach(ports, transport, socket, remote));
  const socket: Socket = transport === "tcp"
    ? createConnection({ host, port }, ready)
    : connectTls({ host, port, minVersion: "TLSv1.2" }, ready);
  const timer = ports.wheel.start(dialMs, () => {
    if (!settled) socket.destroy();
    settle(undefined);
  });
  socket.once("error", () => settle(undefined));
};
