/**
 * Nothing that comes from the outer zone is without a bound: edges, media workers, the directory.
 */
import { Schema } from "effect";
import { describe, expect, test } from "vitest";
import { RequestEnvelope } from "../../schemas/Envelope.ts";
import { UserRequest } from "../../schemas/User.ts";
import { CallCommand } from "../../schemas/Call.ts";
import { kinds, type Shape } from "./Contract.ts";
import * as Golden from "./Golden.ts";

const samplesOf = (kind: string, tag: string): ReadonlyArray<unknown> =>
  Golden.files().filter((file) => file.kind === kind && file.tag === tag)
    .flatMap(Golden.samplesOf);

const fromEdges = [...Object.keys(CallCommand.cases), ...Object.keys(UserRequest.cases)];
const outer: ReadonlyArray<readonly [kind: string, tag: string]> = [
  ...fromEdges.map((tag) => ["command", tag] as const),
  ...["RequestEnvelope", "EffectsDone", "Performed", "Announcement"].map((tag) =>
    ["envelope", tag] as const
  ),
  ...["RelayReserved", "PortsTaken", "RelayDone", "PoolExhausted"].map((tag) =>
    ["media", tag] as const
  ),
];

type Path = ReadonlyArray<string | number>;

/** Every value within a value, with its place. */
const places = (value: unknown, path: Path = []): ReadonlyArray<readonly [Path, unknown]> => {
  if (typeof value !== "object" || value === null) return [[path, value]];
  const inner = Object.entries(value).flatMap(([key, one]) =>
    places(one, [...path, Array.isArray(value) ? Number(key) : key])
  );
  return [[path, value], ...inner];
};

const replaced = (value: unknown, path: Path, by: unknown): unknown => {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
};

/** Values that no field may take: too long, too many, no count of anything. */
const monsters = (value: unknown, path: Path): ReadonlyArray<unknown> => {
  if (path.at(-1) === "_tag") return ["Unheard", 7, null];
  if (typeof value === "string") return ["x".repeat(20_000), 7, {}];
  if (typeof value === "number") return [-1, 1.5, Number.NaN, "7"];
  if (Array.isArray(value)) {
    return value.length === 0 ? [{}] : [Array.from({ length: 2_000 }, () => value[0]), "x"];
  }
  return [];
};

describe.each(outer)("%s %s", (kind, tag) => {
  const shape: Shape = kinds[kind]![tag]!;
  const accepts = Schema.is(shape);

  test("refuses what is longer, more or less than it can be", () => {
    const accepted: Array<string> = [];
    for (const sample of samplesOf(kind, tag)) {
      expect(accepts(sample)).toBe(true);
      for (const [path, value] of places(sample)) {
        for (const monster of monsters(value, path)) {
          if (accepts(replaced(sample, path, monster))) {
            accepted.push(`${path.join(".")}: ${JSON.stringify(monster)?.slice(0, 20)}`);
          }
        }
      }
    }
    expect([...new Set(accepted)]).toEqual([]);
  });
});

describe("numbers that SIP bounds", () => {
  const accepts = Schema.is(RequestEnvelope);
  const most: ReadonlyArray<readonly [name: string, most: number]> = [
    ["cseq", 2 ** 31 - 1],
    ["expires", 2 ** 32 - 1],
    ["maxForwards", 255],
    ["regId", 2 ** 31 - 1],
    ["port", 65_535],
    ["status", 699],
    ["leg", 127],
    ["shard", 255],
  ];
  const commands = fromEdges.flatMap((tag) => samplesOf("command", tag));
  const [envelope] = samplesOf("envelope", "RequestEnvelope");

  test.each(most)("%s is at most %i", (name, most) => {
    let seen = 0;
    for (const command of commands) {
      const whole = replaced(envelope, ["command"], command);
      for (const [path, value] of places(whole)) {
        if (path.at(-1) !== name || typeof value !== "number") continue;
        seen++;
        expect(accepts(replaced(whole, path, most))).toBe(true);
        expect(accepts(replaced(whole, path, most + 1))).toBe(false);
      }
    }
    expect(seen).toBeGreaterThan(0);
  });
});
