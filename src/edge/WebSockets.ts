/** SIP over secure WebSockets (RFC 7118): one message of the socket is one SIP message. */
import { createServer } from "node:https";
import { Effect, type Scope } from "effect";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { SocketAddress } from "../../schemas/Sip.ts";
import * as Limits from "../sip/Limits.ts";
import type { Connection, Source } from "./Flows.ts";
import { type ListenFailed, listenFailed, plainAddress, streamLimits } from "./Listen.ts";
import type { Certificate, Ports } from "./Streams.ts";
import * as Text from "../kernel/Text.ts";

const checkMs = 5_000;

const octetsOf = (data: RawData): Uint8Array =>
  data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : Array.isArray(data)
    ? new Uint8Array(Buffer.concat(data))
    : data;

const attach = (ports: Ports, socket: WebSocket, remote: SocketAddress): void => {
  const { flows, now, wheel } = ports;
  let heard = now();
  let closed = false;
  const connection: Connection = {
    id: flows.number(),
    transport: "wss",
    remote,
    send: (text) => {
      if (closed) return;
      socket.send(Text.toBytes(text));
      if (socket.bufferedAmount > streamLimits.unread) connection.close();
    },
    close: () => {
      if (closed) return;
      closed = true;
      flows.remove(connection);
      socket.terminate();
    },
  };
  if (!flows.add(connection)) return socket.terminate();
  const source: Source = { transport: "wss", connection: connection.id, remote };
  socket.on("message", (data: RawData) => {
    heard = now();
    ports.inbound().frame(octetsOf(data), source);
  });
  socket.on("close", () => connection.close());
  socket.on("error", () => connection.close());
  const check = (): void => {
    if (closed) return;
    if (now() - heard > streamLimits.idleMs) return connection.close();
    wheel.start(checkMs, check);
  };
  wheel.start(checkMs, check);
};

/** The result is the port, which the system chose when 0 was asked for. */
export const listenWss = (
  ports: Ports,
  ip: string,
  port: number,
  own: Certificate,
): Effect.Effect<number, ListenFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }, ListenFailed>(
      (resume) => {
        const server = createServer({
          cert: own.certificate,
          key: own.key,
          minVersion: "TLSv1.2",
        });
        server.on("request", (_request, response) => response.writeHead(426).end());
        server.once("error", (error: { readonly code?: string }) =>
          resume(Effect.fail(listenFailed("wss", ip, port, error.code ?? error))));
        const sockets = new WebSocketServer({
          server,
          maxPayload: Limits.defaults.datagram,
          // RFC 7118 section 4.1: without the subprotocol it is not SIP.
          handleProtocols: (offered) =>
            offered.has("sip") ? "sip" : false,
        });
        sockets.on("connection", (socket, request) => {
          if (socket.protocol !== "sip") {
            return socket.close(1002, "subprotocol sip expected");
          }
          const { remoteAddress = "", remotePort = 0 } = request.socket;
          attach(ports, socket, { ip: plainAddress(remoteAddress), port: remotePort });
        });
        sockets.on("error", () => {});
        server.listen(port, ip, () => {
          const address = server.address();
          const bound = typeof address === "object" ? address?.port ?? port : port;
          const close = (): void => {
            sockets.close();
            server.close();
          };
          resume(Effect.succeed({ port: bound, close }));
        });
      },
    ),
    ({ close }) =>
      Effect.sync(close),
  ).pipe(Effect.map((bound) => bound.port));
