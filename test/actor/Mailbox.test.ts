/** The mailbox: bounded, and fair between tenants. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Mailbox from "../../src/actor/Mailbox.ts";

const drain = <Item>(mailbox: Mailbox.Mailbox<Item>): ReadonlyArray<Item> => {
  const items: Array<Item> = [];
  for (let item = mailbox.take(); item !== undefined; item = mailbox.take()) items.push(item);
  return items;
};

test("one tenant's storm waits behind itself", () => {
  const mailbox = Mailbox.make<string>({ total: 100, perTenant: 50 });
  for (let n = 0; n < 5; n++) mailbox.offer("loud", `loud ${n}`);
  mailbox.offer("quiet", "quiet 0");
  mailbox.offer("calm", "calm 0");
  mailbox.offer("quiet", "quiet 1");
  expect(drain(mailbox)).toEqual([
    ...["loud 0", "quiet 0", "calm 0", "loud 1", "quiet 1", "loud 2", "loud 3", "loud 4"],
  ]);
  expect(mailbox.take()).toBeUndefined();
});

test("a tenant that comes again takes its turn behind those who wait", () => {
  const mailbox = Mailbox.make<string>({ total: 100, perTenant: 50 });
  mailbox.offer("a", "a0");
  mailbox.offer("b", "b0");
  mailbox.offer("b", "b1");
  expect(mailbox.take()).toBe("a0");
  mailbox.offer("a", "a1");
  expect(drain(mailbox)).toEqual(["b0", "a1", "b1"]);
});

type Move = { readonly offer: string } | "take";

test("it never holds more than its bounds, loses nothing, and keeps each tenant's order", () => {
  const move: fc.Arbitrary<Move> = fc.oneof(
    fc.record({ offer: fc.constantFrom("a", "b", "c") }),
    fc.constant("take" as const),
  );
  fc.assert(
    fc.property(
      fc.array(move),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 5 }),
      (moves, total, perTenant) => {
        const mailbox = Mailbox.make<readonly [string, number]>({ total, perTenant });
        const held: Array<readonly [string, number]> = [];
        for (const [index, one] of moves.entries()) {
          if (one === "take") {
            const item = mailbox.take();
            if (held.length === 0) expect(item).toBeUndefined();
            const first = held.findIndex(([tenant]) => tenant === item?.[0]);
            if (item !== undefined) expect(held.splice(first, 1)).toEqual([item]);
          } else {
            const own = held.filter(([tenant]) => tenant === one.offer).length;
            const item = [one.offer, index] as const;
            const isTaken = mailbox.offer(one.offer, item);
            expect(isTaken).toBe(held.length < total && own < perTenant);
            if (isTaken) held.push(item);
          }
          expect(mailbox.size()).toBe(held.length);
        }
        expect([...drain(mailbox)].sort()).toEqual([...held].sort());
      },
    ),
  );
});

test("between two turns of a tenant, each other that waits has one", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 }), (tenants) => {
      const mailbox = Mailbox.make<string>({ total: 100, perTenant: 100 });
      for (const tenant of tenants) mailbox.offer(tenant, tenant);
      const turns = drain(mailbox);
      for (const [n, tenant] of turns.entries()) {
        const next = turns.indexOf(tenant, n + 1);
        if (next < 0) continue;
        const between = turns.slice(n + 1, next);
        const waiting = new Set(turns.slice(next).filter((one) => one !== tenant));
        for (const one of waiting) expect(between).toContain(one);
      }
    }),
  );
});
