/** The embedded store: its file. */
import { rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Effect } from "effect";
import { afterAll, expect, test } from "vitest";
import * as Folders from "../support/Folders.ts";
import { batch, callPut, callRow, newFile, open, refusal, rows, shard, write } from "./Rig.ts";

afterAll(Folders.removeAll);

test("what was written is there when it is opened again, with its cursor", async () => {
  const path = newFile();
  const first = await open(path);
  await write(first.store, batch(3, 9, callPut(callRow("c1"))));
  const before = await rows(first.store);
  await first.close();
  const second = await open(path);
  expect(await rows(second.store)).toEqual(before);
  expect(await Effect.runPromise(second.store.through(shard(3)))).toBe(9);
});

test("a file that was removed is made anew, and asks for everything", async () => {
  const path = newFile();
  const first = await open(path);
  await write(first.store, batch(0, 5, callPut(callRow("c1"))));
  await first.close();
  rmSync(path);
  const second = await open(path);
  expect(await Effect.runPromise(second.store.through(shard(0)))).toBe(0);
  expect((await rows(second.store)).calls).toEqual([]);
});

test("a file that is none of ours is refused: it can be rebuilt", async () => {
  const rebuild = "move this file away, start again";
  const garbage = newFile();
  writeFileSync(garbage, "this is no database, but a text of some length\n".repeat(50));
  expect((await refusal(garbage)).message).toMatch(/projections\.db: .*not a database/);
  expect((await refusal(garbage)).message).toContain(rebuild);
  const newer = newFile();
  const database = new DatabaseSync(newer);
  database.exec("pragma user_version = 2");
  database.close();
  expect((await refusal(newer)).message).toBe(
    `${newer}: projections of version 2 are newer than this Tandem; ` +
      "start the Tandem that wrote them, or give another --data folder",
  );
  expect((await refusal("/proc/projections.db")).message).toContain(rebuild);
});

test("a file that another process holds fails a write, which can be repeated", async () => {
  const path = newFile();
  const { store } = await open(path);
  const other = new DatabaseSync(path);
  other.exec("begin immediate");
  const one = store.write([batch(0, 1, callPut(callRow("c1")))], []);
  expect((await Effect.runPromise(Effect.flip(one))).message).toMatch(/database is locked/);
  other.exec("rollback");
  other.close();
  await Effect.runPromise(one);
  expect((await rows(store)).calls).toHaveLength(1);
});
