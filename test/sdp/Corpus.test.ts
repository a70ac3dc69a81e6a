/** The bodies of the torture messages (RFC 4475, RFC 5118), where that corpus is present. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Result } from "effect";
import { expect, test } from "vitest";
import * as Parse from "../../src/sdp/Parse.ts";
import * as Print from "../../src/sdp/Print.ts";
import * as Rewrite from "../../src/sdp/Rewrite.ts";

const corpus = new URL("../../../shared/corpus/", import.meta.url);
const us = {
  origin: { username: "-", sessionId: "1", version: "1" },
  address: "198.51.100.7",
  port: (index: number) => 20_000 + 2 * index,
};

/** The first description of each message that has one. */
const bodies = (): ReadonlyArray<readonly [string, string]> =>
  ["rfc4475/", "rfc5118/"].flatMap((folder) =>
    readdirSync(new URL(folder, corpus)).sort().flatMap(
      (file): Array<readonly [string, string]> => {
        const text = readFileSync(new URL(folder + file, corpus), "latin1");
        const body = /^v=0\r?\no=(?:[^\n]*\n)(?:[a-z] ?=[^\n]*\n)*/m.exec(text);
        return body === null || file === "mpart01.dat" ? [] : [[folder + file, body[0]]];
      },
    )
  );

/** Names whose body must be refused, by line. */
const refused: ReadonlyMap<string, number> = new Map([
  ["rfc4475/dblreq.dat", 7],
  // No s= line; the message is refused for other reasons as well.
  ["rfc4475/mismatch02.dat", 3],
]);

if (!existsSync(corpus)) test.skip("skipped: no corpus", () => {});
else {
  test("the corpus holds descriptions", () => expect(bodies().length).toBeGreaterThan(20));
  test.each(bodies())("%s", (name, body) => {
    const result = Parse.parse(body);
    const line = refused.get(name);
    if (line !== undefined) return expect(Result.getOrThrow(Result.flip(result)).line).toBe(line);
    const session = Result.getOrThrow(result);
    expect(Result.getOrThrow(Parse.parse(Print.print(session)))).toEqual(session);
    const streams = Rewrite.streams(session);
    expect(streams.length).toBe(session.media.length);
    const other = Rewrite.rewrite(session, us);
    expect(other.media.map(({ port }) => port)).toEqual(streams.map(({ index }) => us.port(index)));
  });
}
