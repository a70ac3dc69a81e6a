/** Frozen samples of the contract: `schemas/golden/README.md`. */
import { readdirSync } from "node:fs";
import { Schema, type SchemaAST } from "effect";
import { describe, expect, test } from "vitest";
import { CallEvent } from "../../schemas/CallEvent.ts";
import { TenantEvent } from "../../schemas/Tenant.ts";
import { UserEvent } from "../../schemas/User.ts";
import * as Call from "../../src/call/Call.ts";
import * as Tenant from "../../src/tenant/Tenant.ts";
import * as User from "../../src/user/User.ts";
import { kinds, type Shape } from "./Contract.ts";
import * as Golden from "./Golden.ts";
import { missing } from "./Variants.ts";

const files = Golden.files();
const of = (kind: string, tag?: string): ReadonlyArray<Golden.File> =>
  files.filter((file) => file.kind === kind && (tag === undefined || file.tag === tag));

test("no sample is of something that the contract no longer knows", () => {
  const strangers = files.filter(({ kind, tag }) => kinds[kind]?.[tag] === undefined);
  expect(strangers.map(({ name }) => name)).toEqual([]);
});

/** A schema and all that it is made of. */
const partsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  const inner = ast._tag === "Union"
    ? ast.types
    : ast._tag === "Objects"
    ? ast.propertySignatures.map(({ type }) => type)
    : ast._tag === "Arrays"
    ? [...ast.elements, ...ast.rest]
    : [];
  return [ast, ...inner.flatMap(partsOf)];
};

test("the contract leaves out no schema of the folder", async () => {
  const known = new Set(
    Object.values(kinds).flatMap(Object.values<Shape>).flatMap(({ ast }) => partsOf(ast)),
  );
  const folder = new URL("../../schemas/", import.meta.url);
  const names = readdirSync(folder, { recursive: true }).map(String).sort();
  const left: Array<string> = [];
  for (const name of names.filter((name) => name.endsWith(".ts"))) {
    const module: Record<string, unknown> = await import(new URL(name, folder).href);
    for (const [key, value] of Object.entries(module)) {
      if (!Schema.isSchema(value)) continue;
      const { ast } = value;
      const isKnown = known.has(ast) ||
        ast._tag === "Union" && ast.types.every((t) => known.has(t));
      if (!isKnown) left.push(`${name}: ${key}`);
    }
  }
  // A part of an actor's id, and an error that has its samples as it is encoded.
  expect(left).toEqual(["Ids.ts: ActorKind", "rpc/Operations.ts: OperationRefused"]);
});

describe.each(Object.entries(kinds))("%s", (kind, shapes) => {
  test("each has a sample of its first version", () => {
    const sampled = new Set(of(kind).flatMap(({ tag, version }) => version === 1 ? [tag] : []));
    expect(Object.keys(shapes).filter((tag) => !sampled.has(tag))).toEqual([]);
  });

  test.each(Object.entries(shapes))("%s: its samples are read, and written as they are", (tag) => {
    const shape = shapes[tag]!;
    const decode = Schema.decodeUnknownSync(shape, { onExcessProperty: "error" });
    const encode = Schema.encodeSync(shape);
    for (const file of of(kind, tag)) {
      const samples = Golden.samplesOf(file);
      expect(samples.length).toBeGreaterThan(0);
      for (const sample of samples) expect(encode(decode(sample))).toStrictEqual(sample);
    }
  });

  test.each(Object.entries(shapes))("%s: its samples show every field and variant", (tag) => {
    const samples = of(kind, tag).flatMap(Golden.samplesOf);
    expect(missing(shapes[tag]!.ast, samples)).toEqual([]);
  });
});

describe("the deciders of today fold what was written then", () => {
  const folded: Readonly<Record<string, (event: unknown) => unknown>> = {
    call: (event) =>
      Call.decider.evolve(Call.decider.initial, Schema.decodeUnknownSync(CallEvent)(event)),
    user: (event) =>
      User.decider.evolve(User.decider.initial, Schema.decodeUnknownSync(UserEvent)(event)),
    tenant: (event) =>
      Tenant.decider.evolve(Tenant.decider.initial, Schema.decodeUnknownSync(TenantEvent)(event)),
  };
  test.each(Object.entries(folded))("%s", (kind, fold) => {
    for (const sample of of(kind).flatMap(Golden.samplesOf)) expect(fold(sample)).toBeDefined();
  });
});

test("no sample was edited or removed, none is without its sum", () => {
  expect([...Golden.sums()].sort()).toEqual(files.map(Golden.sumOf).sort());
});

test("a sample that is there is never written again", () => {
  const [first] = files;
  const before = Golden.sumOf(first!);
  expect(() => Golden.write(first!.name, [])).toThrow(/exist/i);
  expect(Golden.sumOf(first!)).toBe(before);
});
