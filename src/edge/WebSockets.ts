/** SIP over secure WebSockets (RFC 7118): one message of the socket is one SIP message. */
import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Effect, type Scope } from "effect";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { SocketAddress } from "../../schemas/Sip.ts";
import * as Limits from "../sip/Limits.ts";
import * as Connections from "./Connections.ts";
import type { Connection, Source } from "./Flows.ts";
import { type ListenFailed, listenFailed, plainAddress } from "./Listen.ts";
import type { Certificate, Ports } from "./Streams.ts";
import * as Text from "../kernel/Text.ts";
import * as Watch from "./Watch.ts";

/** RFC 6455 section 7.4.1; undefined: the peer would not read it. */
const codes: Readonly<Partial<Record<Connections.Closing, number>>> = {
  stopped: 1001,
  idle: 1001,
  silent: 1008,
  slow: 1008,
};

/** Paths of the upgrade; clients in the field use one of these. */
const paths = new Set(["/", "/ws"]);

const octetsOf = (data: RawData): Uint8Array =>
  data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : Array.isArray(data)
    ? new Uint8Array(Buffer.concat(data))
    : data;

const attach = (
  ports: Ports,
  socket: WebSocket,
  stream: Socket,
  remote: SocketAddress,
): void => {
  const { connections, flows, limits, wheel } = ports;
  let closed = false;
  /** Nothing more is taken or sent; the closing handshake has some time, then the socket ends. */
  const end = (reason: Connections.Closing): void => {
    if (closed) return;
    closed = true;
    watch.stop();
    flows.remove(connection);
    connections.closed("wss", reason);
    wheel.start(limits.messageMs, () => socket.terminate());
  };
  const connection: Connection = {
    id: flows.number(),
    transport: "wss",
    remote,
    send: (text) => {
      if (closed) return;
      // Text where it can be: not every client in a browser reads binary frames.
      socket.send(Text.decodeStrict(text) ?? Text.toBytes(text));
      if (socket.bufferedAmount > limits.unread) connection.close("unread");
    },
    close: (reason) => {
      end(reason);
      const code = codes[reason];
      if (code === undefined) socket.terminate();
      else socket.close(code, reason);
    },
  };
  const watch = Watch.make(ports, limits.firstMs, connection.close);
  flows.add(connection);
  connections.opened("wss");
  const source: Source = { transport: "wss", connection: connection.id, remote };
  // In front of the reader of frames: what it makes of these octets is heard after them.
  stream.prependListener("data", () => watch.heard(0, true));
  socket.on("message", (data: RawData) => {
    if (closed) return;
    watch.heard(1, false);
    ports.inbound().frame(octetsOf(data), source);
  });
  socket.on("ping", () => watch.heard(1, false));
  socket.on("pong", () => watch.heard(1, false));
  socket.on("close", () => end("peer"));
  // The reader has sent its close frame, with the code that fits (1002, 1007, 1009).
  socket.on("error", (error: { readonly code?: string }) => {
    const tooLong = error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" ||
      error.code === "WS_ERR_TOO_MANY_BUFFERED_PARTS";
    end(tooLong ? "tooLong" : "broken");
  });
};

interface Refused {
  readonly reason: Connections.Refusal;
  readonly status: number;
  readonly words: string;
}

/** Why a request does not become a WebSocket; undefined when it may. */
const refusalOf = (
  { headers, url = "/" }: IncomingMessage,
  origins: ReadonlySet<string> | null,
): Refused | undefined => {
  const path = url.split("?")[0] ?? "";
  if (!paths.has(path)) {
    return { reason: "path", status: 404, words: `no such path; SIP is at ${[...paths].at(-1)}` };
  }
  const { origin } = headers;
  if (origins !== null && origin !== undefined && !origins.has(origin.toLowerCase())) {
    return { reason: "origin", status: 403, words: "origin is not allowed" };
  }
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  return offered.includes("sip")
    ? undefined
    : { reason: "subprotocol", status: 400, words: "subprotocol sip is required (RFC 7118)" };
};

/** The HTTPS server whose requests become sockets. */
const serverOf = (ports: Ports, own: Certificate, origins: ReadonlySet<string> | null) => {
  const { connections, limits } = ports;
  const options = {
    cert: own.certificate,
    key: own.key,
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.firstMs,
    connectionsCheckingInterval: limits.checkMs,
  } as const;
  const server = createServer(options, (request, response) => {
    connections.refused("wss", "noUpgrade");
    guard.settled(request.socket);
    response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
  });
  server.headersTimeout = limits.firstMs;
  server.requestTimeout = limits.firstMs;
  const guard = Connections.guard(server, "wss", connections);
  // Octets that are no HTTP, or too slow: the end of the socket counts them.
  server.on("clientError", (_error, socket) => void socket.destroy());
  const sockets = new WebSocketServer({
    server,
    maxPayload: Limits.defaults.datagram,
    handleProtocols: () => "sip",
    verifyClient: (
      { req }: { readonly req: IncomingMessage },
      verdict: (taken: boolean, status?: number, words?: string) => void,
    ) => {
      const refused = refusalOf(req, origins);
      guard.settled(req.socket);
      if (refused === undefined) return verdict(true);
      connections.refused("wss", refused.reason);
      verdict(false, refused.status, refused.words);
    },
  });
  sockets.on("connection", (socket, request) => {
    const { remoteAddress = "", remotePort = 0 } = request.socket;
    attach(ports, socket, request.socket, { ip: plainAddress(remoteAddress), port: remotePort });
  });
  return { server, sockets };
};

/**
 * The result is the port, which the system chose when 0 was asked for. `origins`: of pages in
 * browsers that may connect; null: of all, the digest tells whom to believe.
 */
export const listenWss = (
  ports: Ports,
  ip: string,
  port: number,
  own: Certificate,
  origins: ReadonlySet<string> | null = null,
): Effect.Effect<number, ListenFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }, ListenFailed>(
      (resume) => {
        const { server, sockets } = serverOf(ports, own, origins);
        // The socket server passes errors of its server on: of listening, and of each accept.
        sockets.on("error", (error: { readonly code?: string }) =>
          resume(Effect.fail(listenFailed("wss", ip, port, error.code ?? error))));
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
  ).pipe(Effect.map((bound) =>
    bound.port
  ));
