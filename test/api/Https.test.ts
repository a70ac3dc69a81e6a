/** The HTTPS door: one answer for probes, and no harm from those that speak something else. */
import { connect } from "node:net";
import { request } from "node:https";
import { Effect, Exit, Scope } from "effect";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as Https from "../../src/api/Https.ts";
import * as Certificate from "../../src/role/Certificate.ts";
import * as Folders from "../support/Folders.ts";
import { within } from "../support/Until.ts";

const ip = "127.0.0.1";
const waitMs = 5_000;
let scope: Scope.Closeable;
let port: number;
let own: { readonly certificate: string; readonly key: string };

beforeAll(async () => {
  own = await Effect.runPromise(Certificate.load(Folders.make("tls"), ip, Date.now()));
  scope = Effect.runSync(Scope.make());
  port = await Effect.runPromise(Https.listen(ip, 0, own).pipe(Scope.provide(scope)));
});

afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void));
  Folders.removeAll();
});

const ask = (method: string, path: string) =>
  within(
    "an answer",
    new Promise<{ readonly status: number; readonly body: string; readonly headers: object }>(
      (resolve, reject) => {
        const asked = request({ host: ip, port, method, path, ca: own.certificate }, (response) => {
          let body = "";
          response.on("data", (chunk: Uint8Array) => body += new TextDecoder().decode(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
        });
        asked.on("error", reject);
        asked.end();
      },
    ),
    waitMs,
  );

test("a probe hears that it serves, and nothing else of it", async () => {
  const answer = await ask("GET", "/health");
  expect(answer).toMatchObject({ status: 200, body: '{"status":"ok"}\n' });
  expect(answer.headers).toMatchObject({
    "cache-control": "no-store",
    "strict-transport-security": expect.stringContaining("max-age="),
    "x-content-type-options": "nosniff",
  });
});

test.for([["GET", "/"], ["GET", "/metrics"], ["POST", "/health"], ["GET", "/health/../etc"]])(
  "%s %s is not found",
  async ([method = "", path = ""]) => {
    expect((await ask(method, path)).status).toBe(404);
  },
);

test("a port that is taken is a failure with the system's code", async () => {
  const failed = Https.listen(ip, port, own).pipe(Effect.scoped, Effect.flip);
  expect(await Effect.runPromise(failed)).toMatchObject({
    _tag: "HttpsFailed",
    code: "EADDRINUSE",
  });
});

test.for([["plain HTTP", "GET /health HTTP/1.1\r\n\r\n"], [
  "noise",
  "\x16\x03\x01\xff\xff".repeat(50),
]])(
  "%s is ended, the next one is served",
  async ([, text = ""]) => {
    const socket = connect(port, ip);
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(text);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end();
    await within("the end of the connection", closed, waitMs);
    expect((await ask("GET", "/health")).status).toBe(200);
  },
);
