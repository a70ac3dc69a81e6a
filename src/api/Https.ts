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

/** The result is the port, which the system chose when 0 was asked for. */
export const listen = (
  ip: string,
  port: number,
  own: { readonly certificate: string; readonly key: string },
) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }, HttpsFailed>(
      (resume) => {
        const options = { cert: own.certificate, key: own.key, minVersion: "TLSv1.2" } as const;
        const server = createServer(options, (request, response) => {
          const known = request.method === "GET" && request.url === "/health";
          response.writeHead(known ? 200 : 404, headers);
          response.end(known ? '{"status":"ok"}\n' : '{"error":"not found"}\n');
        });
        server.requestTimeout = 10_000;
        server.once("error", (error: { readonly code?: string }) =>
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
