/**
 * Frozen samples of all that rests in a journal: `schemas/golden/<kind>/<Tag>.v<version>.json`.
 * What an older Tandem wrote must be read for ever, so a sample is added and never edited:
 * `SHA256SUMS` (`git ls-files "*.json" | xargs sha256sum`, in that folder) shows it in a review.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Schema } from "effect";
import { describe, expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import { RecordHeader } from "../../schemas/Record.ts";
import { ActorSnapshot, ShardEvent } from "../../schemas/Shard.ts";
import { TenantEvent } from "../../schemas/Tenant.ts";
import { UserEvent } from "../../schemas/User.ts";
import * as Call from "../../src/call/Call.ts";
import * as Tenant from "../../src/tenant/Tenant.ts";
import * as User from "../../src/user/User.ts";

const folder = fileURLToPath(new URL("../../schemas/golden/", import.meta.url));
const read = (file: string): string => readFileSync(join(folder, file), "utf8");

/** Files of a kind, as `CallOffered.v1`. */
const namesOf = (kind: string): ReadonlyArray<string> =>
  readdirSync(join(folder, kind)).map((file) => basename(file, ".json")).sort();

const samplesOf = (kind: string, name: string): ReadonlyArray<unknown> =>
  JSON.parse(read(`${kind}/${name}.json`)) as ReadonlyArray<unknown>;

const events = {
  call: { tags: Object.keys(CallEvent.cases), decode: Schema.decodeUnknownSync(CallEvent) },
  user: { tags: Object.keys(UserEvent.cases), decode: Schema.decodeUnknownSync(UserEvent) },
  tenant: { tags: Object.keys(TenantEvent.cases), decode: Schema.decodeUnknownSync(TenantEvent) },
  shard: { tags: Object.keys(ShardEvent.cases), decode: Schema.decodeUnknownSync(ShardEvent) },
} as const;

describe.each(Object.entries(events))("events of a %s", (kind, { tags, decode }) => {
  test("each has a sample of its first version", () => {
    const sampled = new Set(namesOf(kind));
    expect(tags.filter((tag) => !sampled.has(`${tag}.v1`))).toEqual([]);
  });

  test.each(namesOf(kind))("%s is read", (name) => {
    const samples = samplesOf(kind, name);
    expect(samples.length).toBeGreaterThan(0);
    for (const sample of samples) expect(decode(sample)).toEqual(sample);
  });
});

describe("the deciders of today fold what was written then", () => {
  const folded = {
    call: (event: unknown) => Call.decider.evolve(Call.decider.initial, events.call.decode(event)),
    user: (event: unknown) => User.decider.evolve(User.decider.initial, events.user.decode(event)),
    tenant: (event: unknown) =>
      Tenant.decider.evolve(Tenant.decider.initial, events.tenant.decode(event)),
  };
  test.each(Object.entries(folded))("%s", (kind, fold) => {
    for (const name of namesOf(kind)) {
      for (const sample of samplesOf(kind, name)) expect(fold(sample)).toBeDefined();
    }
  });
});

test.each(
  [
    ["RecordHeader.v1", Schema.decodeUnknownSync(RecordHeader)],
    ["ActorSnapshot.v1", Schema.decodeUnknownSync(ActorSnapshot)],
  ] as const,
)("record: %s is read", (name, decode) => {
  for (const sample of samplesOf("record", name)) expect(decode(sample)).toEqual(sample);
});

test("no sample was edited, none is without its sum", () => {
  const sums = read("SHA256SUMS").trimEnd().split("\n").sort();
  const found = [...Object.keys(events), "record"].flatMap((kind) =>
    namesOf(kind).map((name) => {
      const file = `${kind}/${name}.json`;
      return `${createHash("sha256").update(read(file)).digest("hex")}  ${file}`;
    })
  );
  expect(sums).toEqual(found.sort());
});
