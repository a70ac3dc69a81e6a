/** The pipe: its frames, and the end of the other end. */
import { PassThrough, Writable } from "node:stream";
import { Effect } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Lines from "../../src/bus/Lines.ts";
import * as Link from "../../src/bus/Link.ts";
import * as Pipe from "../../src/bus/Pipe.ts";
import { until } from "../support/Until.ts";
import { ask, listen, pipe, scoped, serve } from "./Rig.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The octets in chunks that end at these places. */
const cutAt = (octets: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const ends = [...places.map((place) => place % (octets.length + 1)), octets.length];
  ends.sort((a, b) => a - b);
  return ends.map((end, n) => octets.slice(ends[n - 1] ?? 0, end));
};

test("frames arrive whole wherever the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "binary" }), { maxLength: 8 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      async (texts, places) => {
        const input = new PassThrough();
        const { close, value: end } = await scoped(Pipe.make(input, new PassThrough()));
        const news = await listen(end, "news");
        const sent = texts.map((payload) => JSON.stringify({ publish: "news", payload }) + "\n");
        for (const chunk of cutAt(utf8(sent.join("")), places)) input.write(chunk);
        const wanted = texts.map((text) => JSON.parse(JSON.stringify(text)));
        await until("all", () => news.heard.length === texts.length, 5_000, { pollMs: 1 });
        expect(news.heard).toEqual(wanted);
        await close();
      },
    ),
    { numRuns: 50 },
  );
});

test("lines are found at every cut, up to the longest, and none after one that is longer", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", maxLength: 12 }).map((s) => s.replaceAll("\n", "")), {
        maxLength: 8,
      }),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.integer({ min: 0, max: 20 }),
      (lines, places, most) => {
        const found: Array<string> = [];
        let overlong = 0;
        const read = Lines.reader(most, (line) => found.push(line), () => overlong++);
        const octets = utf8(lines.map((line) => `${line}\n`).join(""));
        for (const chunk of cutAt(octets, places)) read(chunk);
        const long = lines.findIndex((line) => utf8(line).length > most);
        expect(found).toEqual(long < 0 ? lines : lines.slice(0, long));
        expect(overlong).toBe(long < 0 ? 0 : 1);
      },
    ),
  );
});

test("what is no frame is passed over", async () => {
  const { near, there, far } = await pipe();
  await serve(far, "echo", Effect.succeed);
  for (const line of ["", "{", "null", "7", "[]", "{}", '"text"', '{"answer":99}', "\u0000"]) {
    there.write(`${line}\n`);
  }
  expect(await ask(near, "echo", "still here")).toBe("still here");
});

const ways = {
  "its stream ends": ({ back }: Awaited<ReturnType<typeof pipe>>) => void back.end(),
  "its stream fails": ({ back }: Awaited<ReturnType<typeof pipe>>) =>
    void back.destroy(new Error("reset")),
  "ours cannot be written to": ({ there }: Awaited<ReturnType<typeof pipe>>) =>
    void there.destroy(new Error("EPIPE")),
  "a frame of its is too long": ({ back }: Awaited<ReturnType<typeof pipe>>) =>
    void back.write(new Uint8Array(Link.maxFrameOctets + 1).fill(120)),
  "this end closes": ({ closeNear }: Awaited<ReturnType<typeof pipe>>) => void closeNear(),
};

test.each(Object.entries(ways))("when %s, all who wait are told", async (_, happen) => {
  const ends = await pipe();
  const { far, near } = ends;
  let asked = 0;
  await serve(far, "slow", () => {
    asked++;
    return Effect.never;
  });
  let closed = 0;
  near.onClosed(() => closed++);
  const waiting = [1, 2, 3].map((n) => ask(near, "slow", n));
  await until("the requests", () => asked === 3, 5_000);
  happen(ends);
  const gone = expect.objectContaining({ _tag: "NoResponders", subject: "slow" });
  expect(await Promise.all(waiting)).toEqual([gone, gone, gone]);
  expect(closed).toBe(1);
  expect(await ask(near, "slow", 4)).toEqual(gone);
  let late = false;
  near.onClosed(() => late = true);
  expect(late).toBe(true);
  await Effect.runPromise(near.publish("news", "into the void"));
});

test("a message that is too large is refused, and nothing of it is sent", async () => {
  const { far, near } = await pipe();
  await serve(far, "echo", Effect.succeed);
  await serve(far, "swell", () => Effect.succeed("x".repeat(Link.maxFrameOctets)));
  const large = "x".repeat(Link.maxFrameOctets);
  const refused = await ask(near, "echo", large);
  expect(refused).toMatchObject({ _tag: "PayloadTooLarge", subject: "echo" });
  expect(`${(refused as Error).message}`).toMatch(
    /^a message of 4\d+ octets to echo, .* in parts$/,
  );
  expect(await ask(near, "swell", 1, 50)).toMatchObject({ _tag: "BusTimeout" });
  await scoped(near.publish("news", large));
  const fits = "\u00e9".repeat(Link.maxFrameOctets / 2 - 100);
  expect(await ask(near, "echo", fits)).toBe(fits);
});

test("an other end that reads nothing counts as gone when too much waits for it", async () => {
  const deaf = new Writable({ write: () => {} });
  const { value: near } = await scoped(Pipe.make(new PassThrough(), deaf));
  let closed = false;
  near.onClosed(() => closed = true);
  const waiting = ask(near, "anything", 1);
  const megabyte = "x".repeat(1024 * 1024);
  for (let n = 0; n < 65; n++) await Effect.runPromise(near.publish("news", megabyte));
  await until("the end", () => closed, 10_000);
  expect(await waiting).toMatchObject({ _tag: "NoResponders" });
});
