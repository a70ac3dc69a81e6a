/** The laws of the journal port (design, section 6), for each adapter. */
import { Effect } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maxAppendOctets, maxRecordOctets, type ShardRef } from "../../src/journal/Journal.ts";
import { adapters, append, bytes, cut, head, type Opened, read, shard } from "./Rig.ts";

/** One thing that is asked of a journal; `from` is an offset from the log's last sequence. */
type Step =
  | { readonly kind: "append"; readonly shard: number; readonly from: number; readonly n: number }
  | { readonly kind: "cut"; readonly shard: number; readonly from: number };

const shardNumber = fc.constantFrom(0, 1, 255);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      shard: shardNumber,
      from: fc.constantFrom(0, 0, 0, 0, 0, -1, 1, -7, 7),
      n: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("cut" as const),
      shard: shardNumber,
      from: fc.integer({ min: -9, max: 3 }),
    }),
  },
);

/** What a journal is to be, in the simplest words. */
class Model {
  private readonly logs = new Map<number, { head: number; records: Array<string> }>();

  of(n: number) {
    const log = this.logs.get(n) ?? { head: 0, records: [] };
    this.logs.set(n, log);
    return log;
  }

  append(n: number, expected: number, records: ReadonlyArray<string>): number | string {
    const log = this.of(n);
    if (expected !== log.head) return `fenced at ${log.head}`;
    for (const record of records) log.records.push(`${++log.head} ${record}`);
    return log.head;
  }

  cut(n: number, through: number): void {
    const log = this.of(n);
    const sequenceOf = (record: string) => Number.parseInt(record);
    log.records = log.records.filter((one) =>
      sequenceOf(one) > through || sequenceOf(one) === log.head
    );
  }
}

const recordsOf = (index: number, n: number): ReadonlyArray<string> =>
  Array.from({ length: n }, (_, k) => `record ${index}.${k} ${"x".repeat(k * index % 50)}`);

let runs = 0;
/** A name for the logs of one run, so that runs can share a journal. */
const newCell = (): string => (++runs).toString(36);

/** Asks for a step and returns what came of it, and what the model says. */
const ask = (opened: Opened, model: Model, cell: string, one: Step, index: number) => {
  const to: ShardRef = { cell, shard: one.shard };
  const at = Math.max(0, model.of(one.shard).head + one.from);
  if (one.kind === "cut") {
    const asked = cut(opened, to, at).then(() => "cut");
    model.cut(one.shard, at);
    return { asked, expected: "cut" };
  }
  const records = recordsOf(index, one.n);
  const asked = append(opened, to, at, ...records);
  return { asked, expected: model.append(one.shard, at, records) };
};

const compare = async (opened: Opened, model: Model, cell: string): Promise<void> => {
  for (const n of [0, 1, 255]) {
    const { head: last, records } = model.of(n);
    expect(await head(opened, { cell, shard: n })).toBe(last);
    expect(await read(opened, { cell, shard: n })).toEqual(records);
  }
};

describe.each(adapters)("%s journal", (_, open) => {
  test("appends, cuts and reads as the model does", async () => {
    const opened = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const [model, cell] = [new Model(), newCell()];
        for (const [index, one] of steps.entries()) {
          const { asked, expected } = ask(opened, model, cell, one, index);
          expect(await asked).toBe(expected);
        }
        await compare(opened, model, cell);
      }),
      { numRuns: 100 },
    );
  });

  test("what is asked at once is served in order, and each gets its own verdict", async () => {
    const opened = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const [model, cell] = [new Model(), newCell()];
        const all = steps.map((one, index) => ask(opened, model, cell, one, index));
        const outcomes = await Promise.all(all.map(({ asked }) => asked));
        expect(outcomes).toEqual(all.map(({ expected }) => expected));
        await compare(opened, model, cell);
      }),
      { numRuns: 100 },
    );
  });

  test("of writers that know the same sequence, one wins, the others store nothing", async () => {
    const opened = await open();
    await append(opened, shard(3), 0, "first");
    const all = ["a", "b", "c"].map((name) => append(opened, shard(3), 1, name, `${name}2`));
    expect(await Promise.all(all)).toEqual([3, "fenced at 3", "fenced at 3"]);
    expect(await read(opened, shard(3))).toEqual(["1 first", "2 a", "3 a2"]);
  });

  test("a fenced writer is told where the log is", async () => {
    const { journal } = await open();
    const one = { shard: shard(7), expected: 0, records: [bytes("one")] };
    await Effect.runPromise(journal.append(one));
    const failed = await Effect.runPromise(Effect.flip(journal.append(one)));
    expect(failed).toMatchObject({ _tag: "JournalFenced", shard: 7, expected: 0, actual: 1 });
    expect(failed.message).toBe("shard 7 is at 1, not at 0: somebody else owns it");
  });

  test("logs of the same shard in two cells have nothing in common", async () => {
    const opened = await open();
    await append(opened, shard(1, "a"), 0, "of a");
    expect(await append(opened, shard(1, "b"), 0, "of b", "more")).toBe(2);
    await cut(opened, shard(1, "b"), 2);
    expect(await read(opened, shard(1, "a"))).toEqual(["1 of a"]);
    expect(await read(opened, shard(1, "b"))).toEqual(["2 more"]);
  });

  test("reads in pages, from anywhere", async () => {
    const opened = await open();
    await append(opened, shard(0), 0, ..."abcdefgh");
    expect(await read(opened, shard(0), 0, 3)).toEqual(["1 a", "2 b", "3 c"]);
    expect(await read(opened, shard(0), 6, 3)).toEqual(["7 g", "8 h"]);
    expect(await read(opened, shard(0), 8, 3)).toEqual([]);
    await cut(opened, shard(0), 5);
    expect(await read(opened, shard(0), 2, 2)).toEqual(["6 f", "7 g"]);
    expect(await read(opened, shard(0), 0, 0)).toEqual([]);
    expect(await read(opened, shard(9))).toEqual([]);
  });

  test("an append without records compares, stores nothing and cuts nothing", async () => {
    const opened = await open();
    await append(opened, shard(0), 0, "a", "b");
    expect(await append(opened, shard(0), 2)).toBe(2);
    expect(await append(opened, shard(0), 1)).toBe("fenced at 2");
    expect(await append(opened, shard(1), 0)).toBe(0);
    expect(await read(opened, shard(0))).toEqual(["1 a", "2 b"]);
  });

  test("octets come back as they were given, none to the largest", async () => {
    const opened = await open();
    const large = Uint8Array.from({ length: 400_000 }, (_, n) => n * 7);
    const records = [new Uint8Array(), Uint8Array.of(0, 255, 0), large];
    for (const [n, record] of records.entries()) await append(opened, shard(0), n, record);
    const stored = await Effect.runPromise(opened.journal.read(shard(0), 0, 10));
    expect(stored.map((one) => Buffer.compare(one.bytes, records[one.sequence - 1]!)))
      .toEqual([0, 0, 0]);
  });

  test("the writer may reuse its octets, and a reader change what it was given", async () => {
    const opened = await open();
    for (const [n, size] of [3, 300_000].entries()) {
      const own = new Uint8Array(size).fill(1);
      await append(opened, shard(0), n, own);
      own.fill(2);
    }
    const look = async () => {
      const stored = await Effect.runPromise(opened.journal.read(shard(0), 0, 10));
      const seen = stored.map((one) => one.bytes[0]);
      for (const one of stored) one.bytes.fill(3);
      return seen;
    };
    expect(await look()).toEqual([1, 1]);
    expect(await look()).toEqual([1, 1]);
  });

  test("what is too large for one append is refused, and nothing of it is stored", async () => {
    const opened = await open();
    const half = new Uint8Array(maxAppendOctets / 2 + 1);
    const refused = expect.stringMatching(/an append of \d+ octets to shard 0, of at most \d+; /);
    expect(await append(opened, shard(0), 0, half, half)).toEqual(refused);
    expect(await append(opened, shard(0), 0, new Uint8Array(maxRecordOctets + 1))).toEqual(refused);
    expect(await append(opened, shard(0), 0, new Uint8Array(maxRecordOctets))).toBe(1);
    expect(await head(opened, shard(0))).toBe(1);
  });

  test("is asked when an effect runs, each time that it runs", async () => {
    const { journal } = await open();
    const [append, last] = [
      journal.append({ shard: shard(0), expected: 0, records: [bytes("once")] }),
      journal.head(shard(0)),
    ];
    const all = journal.read(shard(0), 0, 10);
    expect(await Effect.runPromise(last)).toBe(0);
    expect(await Effect.runPromise(append)).toBe(1);
    expect(await Effect.runPromise(Effect.flip(append))).toMatchObject({ _tag: "JournalFenced" });
    expect(await Effect.runPromise(last)).toBe(1);
    expect(await Effect.runPromise(all)).toHaveLength(1);
  });
});
