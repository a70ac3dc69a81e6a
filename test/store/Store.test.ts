/** The laws of the store port, for each adapter. */
import { Effect } from "effect";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { Change } from "../../src/projection/Projection.ts";
import { mostRows } from "../../src/store/Store.ts";
import * as Folders from "../support/Folders.ts";
import {
  adapters,
  answered,
  batch,
  bindingPut,
  bindingRow,
  callPut,
  callRow,
  cdrPut,
  cdrRow,
  message,
  rows,
  shard,
  unbound,
  write,
} from "./Rig.ts";

afterAll(Folders.removeAll);

/** The life of each call, and bindings, as records of one shard bring them. */
const changes: fc.Arbitrary<ReadonlyArray<Change>> = fc.array(
  fc.oneof(
    fc.record({ call: fc.nat(5), step: fc.nat(2) }).map(({ call, step }): Change => {
      const name = `call-${call}`;
      return step === 0
        ? callPut(callRow(name))
        : step === 1
        ? answered(name, 2_000, "1002")
        : cdrPut(cdrRow(name));
    }),
    fc.record({ uri: fc.nat(3), isGone: fc.boolean() }).map(({ isGone, uri }): Change =>
      isGone ? unbound("1001", `sip:${uri}`) : bindingPut(bindingRow(`sip:${uri}`))
    ),
  ),
  { maxLength: 30 },
);

describe.each(adapters)("%s store", (_, open) => {
  test("a call is there while it lives, then its CDR", async () => {
    const { store } = await open();
    const look = () => Effect.runPromise(store.call("c1"));
    expect(await look()).toEqual({ call: null, cdr: null });
    await write(store, batch(0, 2, callPut(callRow("c1"))));
    expect(await look()).toEqual({ call: callRow("c1"), cdr: null });
    await write(store, batch(0, 3, answered("c1", 2_000, "1002")));
    const up = callRow("c1", { phase: "up", answeredAt: 2_000, callee: "1002" });
    expect(await look()).toEqual({ call: up, cdr: null });
    await write(store, batch(0, 4, answered("c1", 2_000)));
    expect(await look()).toEqual({ call: up, cdr: null });
    await write(store, batch(0, 5, cdrPut(cdrRow("c1"))));
    expect(await look()).toEqual({ call: null, cdr: cdrRow("c1") });
  });

  test("a binding goes alone, or with all of its user", async () => {
    const { store } = await open();
    const [a, b] = [bindingRow("sip:a"), bindingRow("sip:b")];
    const other = bindingRow("sip:a", { extension: "1002" });
    await write(store, batch(0, 1, ...[a, b, other].map(bindingPut)));
    const moved = bindingRow("sip:a", { flow: "tcp 192.0.2.2:5060", expiresAt: 90_000 });
    await write(store, batch(0, 2, bindingPut(moved)));
    expect((await rows(store)).bindings).toEqual([moved, b, other]);
    await write(store, batch(0, 3, unbound("1001", "sip:b")));
    expect((await rows(store)).bindings).toEqual([moved, other]);
    await write(store, batch(0, 4, unbound("1001", null)));
    expect((await rows(store)).bindings).toEqual([other]);
  });

  test("what was written before is skipped, by shard and sequence", async () => {
    const { store } = await open();
    const through = (n: number) => Effect.runPromise(store.through(shard(n)));
    expect(await through(0)).toBe(0);
    await write(store, batch(0, 5, callPut(callRow("c1"))), batch(1, 7, cdrPut(cdrRow("c2"))));
    expect([await through(0), await through(1)]).toEqual([5, 7]);
    await write(store, batch(0, 5, cdrPut(cdrRow("c1"))), batch(1, 6, cdrPut(cdrRow("c3"))));
    expect([await through(0), await through(1)]).toEqual([5, 7]);
    const { calls, cdrs } = await rows(store);
    expect([calls.map(({ call }) => call), cdrs.map(({ call }) => call)]).toEqual([["c1"], ["c2"]]);
    // A batch may begin with what is known: its changes are put again.
    await write(store, batch(0, 6, callPut(callRow("c1")), cdrPut(cdrRow("c1"))));
    expect((await rows(store)).calls).toEqual([]);
  });

  test("the rows are the same however the records are cut into batches", async () => {
    await fc.assert(
      fc.asyncProperty(changes, fc.array(fc.nat(8)), async (all, sizes) => {
        const [whole, parts] = [await open(), await open()];
        await write(whole.store, batch(0, all.length, ...all));
        let from = 0;
        for (const size of [...sizes, all.length]) {
          const to = Math.min(all.length, from + size);
          await write(parts.store, batch(0, to, ...all.slice(from, to)));
          from = to;
        }
        expect(await rows(parts.store)).toEqual(await rows(whole.store));
        await Promise.all([whole.close(), parts.close()]);
      }),
      { numRuns: 25 },
    );
  });

  test("a transaction is whole: one bad row, and nothing of it is written", async () => {
    const { store } = await open();
    const bad = cdrPut({ ...cdrRow("bad"), endedAt: null as unknown as number });
    const wrong = store.write([batch(0, 1, callPut(callRow("c1"))), batch(1, 1, bad)], [
      message("c1", "INVITE"),
    ]);
    const failed = await Effect.runPromise(Effect.flip(wrong));
    expect(failed.message).toMatch(/projections\.db: .*NOT NULL.*; the projections can be rebuilt/);
    expect(await rows(store)).toEqual({ calls: [], cdrs: [], bindings: [] });
    expect(await Effect.runPromise(store.messages("c1"))).toEqual([]);
    expect(await Effect.runPromise(store.through(shard(0)))).toBe(0);
    await write(store, batch(0, 1, callPut(callRow("c1"))));
    expect((await rows(store)).calls).toHaveLength(1);
  });

  test("a tenant's rows are its own; CDRs are the last, as many as asked for", async () => {
    const { store } = await open();
    const cdrs = [1, 2, 3, 4].map((n) =>
      cdrRow(`c${n}`, { endedAt: 10_000 - 1_000 * n, tenant: n < 3 ? "acme" : "other" })
    );
    await write(
      store,
      batch(
        0,
        1,
        ...cdrs.map(cdrPut),
        callPut(callRow("up", { tenant: "other" })),
        bindingPut(bindingRow("sip:a", { tenant: "other" })),
      ),
    );
    const names = async (tenant: string | null, limit: number) =>
      (await Effect.runPromise(store.cdrs(tenant, limit))).map(({ call }) => call);
    expect(await names(null, 100)).toEqual(["c1", "c2", "c3", "c4"]);
    expect([await names(null, 2), await names("other", 1), await names("acme", -1)]).toEqual([
      ...[["c1", "c2"], ["c3"], []],
    ]);
    for (const [tenant, count] of [["acme", 0], ["other", 1], ["nobody", 0]] as const) {
      expect(await Effect.runPromise(store.calls(tenant))).toHaveLength(count);
      expect(await Effect.runPromise(store.bindings(tenant))).toHaveLength(count);
    }
  });

  test("no answer is longer than its bound", async () => {
    const { store } = await open();
    const many = Array.from({ length: mostRows + 5 }, (_, n) => n);
    await write(
      store,
      batch(
        0,
        1,
        ...many.map((n) => callPut(callRow(`c${n}`, { startedAt: n }))),
        ...many.map((n) => bindingPut(bindingRow(`sip:${n}`))),
        ...many.map((n) => cdrPut(cdrRow(`ended-${n}`))),
      ),
    );
    const calls = await Effect.runPromise(store.calls(null));
    expect([calls.length, calls[0]?.call]).toEqual([mostRows, `c${mostRows + 4}`]);
    expect(await Effect.runPromise(store.bindings("acme"))).toHaveLength(mostRows);
    expect(await Effect.runPromise(store.cdrs(null, 1_000_000))).toHaveLength(mostRows);
  });

  test("a ladder is its call's messages, in order, over all writes", async () => {
    const { store } = await open();
    const lines = ["INVITE", "100", "180", "200", "ACK"];
    for (const line of lines) {
      await Effect.runPromise(store.write([], [message("c1", line), message("c2", `not ${line}`)]));
    }
    const found = await Effect.runPromise(store.messages("c1"));
    expect(found).toEqual(lines.map((line) => message("c1", line)));
    expect(await Effect.runPromise(store.messages("c3"))).toEqual([]);
  });
});
