/** Records as octets. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RecordHeader } from "../../schemas/Record.ts";
import * as Record from "../../src/actor/Record.ts";
import { header, sealer } from "./Rig.ts";

const at = { shard: 3, sequence: 7 };
const decode = (bytes: Uint8Array) => Record.decode(sealer, at, bytes);
const text = (max: number) => fc.string({ unit: "grapheme", maxLength: max });
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));

const anyHeader: fc.Arbitrary<RecordHeader> = fc.record({
  v: fc.constant(1),
  cell: fc.constantFrom("a", "z9z"),
  shard: fc.integer({ min: 0, max: 255 }),
  epoch: fc.nat(),
  sequence: fc.integer({ min: 1, max: 2 ** 50 }),
  actor: fc.oneof(text(50).map((token) => `call/${token}`), fc.constant("shard/")),
  tenant: fc.constantFrom("acme", "b", ""),
  command: text(60),
  causation: text(60),
  traceparent: fc.option(text(30)),
  at: fc.nat(),
  key: fc.constantFrom("key-1", ""),
}).map((one) => one.tenant === "" ? { ...one, key: "" } : one);

test("what is decoded is what was encoded, and records share nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyHeader, json), { maxLength: 5 }), (all) => {
      const records = all.map(([header, body]) => Record.encode(sealer, header, body));
      for (const [n, record] of records.entries()) {
        const [header, body] = all[n]!;
        expect(decode(record)).toEqual({ header, body });
        // As a journal keeps it: in the middle of something larger.
        const around = new Uint8Array(record.length + 20).fill(1);
        around.set(record, 9);
        expect(decode(around.subarray(9, 9 + record.length))).toEqual({ header, body });
      }
    }),
    { examples: [[[[header({}), ["x".repeat(400_000), "\u20ac".repeat(100_000)]]]]] },
  );
});

test("a body is sealed and bound to its header, a shard's own is clear", () => {
  const body = { secret: "do not read me" };
  const seen = (record: Uint8Array) => new TextDecoder().decode(record);
  const sealed = Record.encode(sealer, header({}), body);
  expect(seen(sealed)).not.toContain("do not read");
  expect(seen(sealed)).toContain('"actor":"call/one"');
  const own = header({ actor: "shard/", tenant: "", key: "" });
  expect(seen(Record.encode(sealer, own, body))).toContain("do not read");
  // The same length, another command: the seal does not fit this header.
  const octets = Buffer.from(sealed);
  octets[octets.indexOf("cmd-1") + 4] = "2".charCodeAt(0);
  expect(() => decode(octets)).toThrow(
    /record 7 of shard 3 cannot be read: not as sealed; restore/,
  );
});

test("a record of a tenant whose keys were destroyed has no body", () => {
  const record = Record.encode(sealer, header({ tenant: "gone" }), { events: [] });
  expect(decode(record)).toEqual({ header: header({ tenant: "gone" }), body: undefined });
});

test("a newer version is refused by name, whatever else it has", () => {
  const newer = { ...header({ v: 2 }), actor: 17, news: true } as unknown as RecordHeader;
  expect(() => decode(Record.encode(sealer, newer, {}))).toThrow(
    /^record 7 of shard 3 cannot be read: record version 2 is newer than 1; restore the data/,
  );
  const record = Record.encode(sealer, header({}), {});
  record[0] = 9;
  expect(() => decode(record)).toThrow(/record format 9 is not known here/);
});

test("damage anywhere is a typed error, never another record", () => {
  const record = Record.encode(sealer, header({}), { events: [1, 2, 3], reply: null });
  const whole = decode(record);
  for (let n = 0; n <= record.length; n++) {
    const damaged = Uint8Array.from(record);
    if (n === record.length) expect(decode(damaged)).toEqual(whole);
    else {
      damaged[n]! ^= 1 << (n % 8);
      expect(() => decode(damaged)).toThrow(Record.RecordUnreadable);
      expect(() => decode(record.subarray(0, n))).toThrow(Record.RecordUnreadable);
    }
  }
  expect(() => decode(record.subarray(0, 3))).toThrow(/the record was cut short/);
});
