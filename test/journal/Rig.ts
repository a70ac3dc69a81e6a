/** Journals of every kind, opened for one test, and what most tests do with them. */
import { join } from "node:path";
import { Context, Effect, Exit, Layer, Scope } from "effect";
import { onTestFinished } from "vitest";
import { Journal, type JournalUnavailable, type ShardRef } from "../../src/journal/Journal.ts";
import * as Memory from "../../src/journal/Memory.ts";
import * as Sqlite from "../../src/journal/Sqlite.ts";
import * as Folders from "../support/Folders.ts";

export interface Opened {
  readonly journal: Journal["Service"];
  readonly close: () => Promise<void>;
}

export const open = async (layer: Layer.Layer<Journal, JournalUnavailable>): Promise<Opened> => {
  const scope = await Effect.runPromise(Scope.make());
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void));
  onTestFinished(close);
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope));
  return { journal: Context.get(context, Journal), close };
};

export const newFile = (): string => join(Folders.make("journal"), "journal.db");

export const openFile = (path = newFile()): Promise<Opened> => open(Sqlite.layer(path));

/** What opening a file fails with. */
export const refusal = (path: string): Promise<JournalUnavailable> =>
  Effect.runPromise(Effect.scoped(Effect.flip(Layer.build(Sqlite.layer(path)))));

/** Every adapter of the port. */
export const adapters = [
  ["memory", () => open(Memory.layer)],
  ["SQLite", () => openFile()],
] as const;

export const shard = (n: number, cell = "a"): ShardRef => ({ cell, shard: n });

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An append as one word: the new last sequence, or the name of the error. */
export const append = (
  { journal }: Pick<Opened, "journal">,
  to: ShardRef,
  expected: number,
  ...records: ReadonlyArray<string | Uint8Array>
): Promise<number | string> =>
  Effect.runPromise(
    Effect.match(
      journal.append({
        shard: to,
        expected,
        records: records.map((one) => typeof one === "string" ? bytes(one) : one),
      }),
      {
        onSuccess: (head): number | string => head,
        onFailure: (error) =>
          error._tag === "JournalFenced" ? `fenced at ${error.actual}` : `${error.message}`,
      },
    ),
  );

/** Everything that the log holds, as `sequence text`. */
export const read = async (
  { journal }: Pick<Opened, "journal">,
  from: ShardRef,
  after = 0,
  limit = 10_000,
): Promise<ReadonlyArray<string>> => {
  const stored = await Effect.runPromise(journal.read(from, after, limit));
  return stored.map((one) => `${one.sequence} ${new TextDecoder().decode(one.bytes)}`);
};

export const head = ({ journal }: Pick<Opened, "journal">, of: ShardRef): Promise<number> =>
  Effect.runPromise(journal.head(of));

export const cut = (
  { journal }: Pick<Opened, "journal">,
  of: ShardRef,
  through: number,
): Promise<void> => Effect.runPromise(journal.cut(of, through));

/** What `Writer.ts` writes at a place. */
export const recordOf = (shard: number, sequence: number): Uint8Array =>
  bytes(`${shard}/${sequence} ${"x".repeat(sequence * 37 % 2_000)}`);
