/** The HTTPS listener: for now it tells probes that this process serves. */
import { createServer } from "node:https";
import { Effect, Schema } from "effect";

export class HttpsFailed extends Schema.TaggedError<HttpsFailed>()("HttpsFailed", {
  code: Schema.String,
}) {}

const headers = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
};

/** A handshake, and a request, must be whole by then. */
const requestMs = 10_000;
const mostConnections = 1_000;

/** The result is the port, which the system chose when 0 was asked for. */
export const listen = (
  ip: string,
  port: number,
  own: { readonly certificate: string; readonly key: string },
) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }, HttpsFailed>(
      (resume) => {
        const options = {
          cert: own.certificate,
          key: own.key,
          minVersion: "TLSv1.2",
          handshakeTimeout: requestMs,
          connectionsCheckingInterval: requestMs / 4,
        } as const;
        const server = createServer(options, (request, response) => {
          const known = request.method === "GET" && request.url === "/health";
          response.writeHead(known ? 200 : 404, headers);
          response.end(known ? '{"status":"ok"}\n' : '{"error":"not found"}\n');
        });
        server.headersTimeout = requestMs;
        server.requestTimeout = requestMs;
        server.maxConnections = mostConnections;
        // A peer that speaks no TLS or no HTTP is let go, and is no error of the server.
        server.on("tlsClientError", (_error, socket) => void socket.destroy());
        server.on("clientError", (_error, socket) => void socket.destroy());
        server.on("error", (error: { readonly code?: string }) =>
          resume(Effect.fail(new HttpsFailed({ code: error.code ?? String(error) }))));
        server.listen(port, ip, () => {
          const address = server.address();
          const bound = typeof address === "object" ? address?.port ?? port : port;
          resume(Effect.succeed({
            port: bound,
            close: () =>
              server.close(),
          }));
        });
      },
    ),
    ({ close }) =>
      Effect.sync(close),
  ).pipe(Effect.map((bound) => bound.port));
