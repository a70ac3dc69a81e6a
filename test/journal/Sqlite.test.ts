/** The embedded journal: what it promises about its file, and what it says when that fails. */
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Effect } from "effect";
import { afterAll, describe, expect, test } from "vitest";
import * as Sqlite from "../../src/journal/Sqlite.ts";
import * as File from "../../src/journal/SqliteFile.ts";
import * as Folders from "../support/Folders.ts";
import * as Processes from "../support/Processes.ts";
import { until } from "../support/Until.ts";
import { append, cut, newFile, openFile, read, recordOf, refusal, shard } from "./Rig.ts";

afterAll(Folders.removeAll);
afterAll(Processes.endAll);

/** Transactions in the write-ahead log (https://sqlite.org/fileformat2.html section 4). */
const commitsIn = (path: string): number => {
  const wal = readFileSync(`${path}-wal`);
  const frameOctets = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameOctets <= wal.length; at += frameOctets) {
    if (wal.readUInt32BE(at + 4) !== 0) commits++;
  }
  return commits;
};

describe("durability", () => {
  test("the file has a write-ahead log, and a commit waits for the disk", () => {
    const database = File.open(newFile());
    expect(database.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(database.prepare("pragma synchronous").get()).toEqual({ synchronous: 2 });
    database.close();
  });

  test("all that waits is one transaction, with a verdict for each", async () => {
    const path = newFile();
    const opened = await openFile(path);
    const before = commitsIn(path);
    const all = Array.from({ length: 120 }, (_, n) => append(opened, shard(n % 60), n % 3, "one"));
    const outcomes = await Promise.all(all);
    expect(commitsIn(path) - before).toBe(1);
    // Twice each shard: the first expects 0, 1 or 2 of an empty log, the second the same again.
    expect(outcomes.filter((one) => one === 1)).toHaveLength(20);
    expect(outcomes.filter((one) => one === "fenced at 0")).toHaveLength(80);
    expect(outcomes.filter((one) => one === "fenced at 1")).toHaveLength(20);
  });

  test("a journal that is opened again holds all, cuts too, and goes on from there", async () => {
    const path = newFile();
    const first = await openFile(path);
    await append(first, shard(1), 0, "a", "b", "c");
    await append(first, shard(2), 0, "other");
    await cut(first, shard(1), 2);
    await first.close();
    // One file is all that a backup needs.
    expect(readdirSync(dirname(path))).toEqual(["journal.db"]);
    const second = await openFile(path);
    expect(await read(second, shard(1))).toEqual(["3 c"]);
    expect(await read(second, shard(2))).toEqual(["1 other"]);
    expect(await append(second, shard(1), 1, "stale")).toBe("fenced at 3");
    expect(await append(second, shard(1), 3, "d")).toBe(4);
  });

  test("what was acknowledged before kill -9 is there, whole and without gaps", async () => {
    const path = newFile();
    for (const round of [1, 2]) {
      const writer = Processes.start(Deno.execPath(), [
        ...["run", "--quiet", "--allow-all", "test/journal/Writer.ts", path],
      ]);
      const lines = () => writer.stdout().split("\n").slice(0, -1);
      await until("acknowledgements", () => lines().length > 500 * round, 30_000, {
        context: writer.output,
        pollMs: 1,
      });
      Processes.signal(writer.pid, "SIGKILL");
      expect(await writer.exited).toBe(137);
      const opened = await openFile(path);
      for (const n of [0, 1, 2, 3]) {
        const acknowledged = lines().filter((one) => one.startsWith(`${n} `)).at(-1);
        const stored = await Effect.runPromise(opened.journal.read(shard(n), 0, 100_000));
        expect(stored.length).toBeGreaterThanOrEqual(Number(acknowledged?.slice(2)));
        for (const [index, one] of stored.entries()) {
          expect(one.sequence).toBe(index + 1);
          expect(Buffer.compare(one.bytes, recordOf(n, index + 1))).toBe(0);
        }
      }
      await opened.close();
    }
  });

  test("a journal that closes leaves nobody waiting, and keeps what it acknowledged", async () => {
    const path = newFile();
    const first = await openFile(path);
    const all = Array.from({ length: 50 }, (_, n) => append(first, shard(n), 0, `of ${n}`));
    const [outcomes] = await Promise.all([Promise.all(all), first.close()]);
    const closed = `${path}: the journal is closed; start again`;
    expect(await append(first, shard(0), 0, "late")).toBe(closed);
    const second = await openFile(path);
    for (const [n, outcome] of outcomes.entries()) {
      expect([1, closed]).toContain(outcome);
      if (outcome === 1) expect(await read(second, shard(n))).toEqual([`1 of ${n}`]);
    }
  });
});

describe("a journal that cannot be used says why, and what to do", () => {
  test("garbage instead of a database", async () => {
    const path = newFile();
    writeFileSync(path, "this is no database, but a text of some length\n".repeat(50));
    expect((await refusal(path)).message).toMatch(
      /journal\.db: .*not a database; restore the data folder from its backup, or start with/,
    );
  });

  test("a folder in its place, one that is missing, one that cannot be written to", async () => {
    const folder = newFile();
    mkdirSync(folder);
    for (const path of [folder, join(folder, "none", "journal.db"), "/proc/journal.db"]) {
      expect((await refusal(path)).message).toMatch(
        /unable to open database file: .*; check the disk and the rights of the data folder, then/,
      );
    }
  });

  test("a file of a newer Tandem", async () => {
    const path = newFile();
    const database = new DatabaseSync(path);
    database.exec("pragma user_version = 2");
    database.close();
    expect((await refusal(path)).message).toMatch(
      /version 2 is newer than this Tandem; start the Tandem that wrote it/,
    );
  });

  test("a file whose end was overwritten, or lost", async () => {
    const path = newFile();
    const first = await openFile(path);
    for (let n = 0; n < 20; n++) await append(first, shard(0), n, new Uint8Array(20_000).fill(n));
    await first.close();
    const reading = () => openFile(path).then((opened) => read(opened, shard(0)));
    const whole = readFileSync(path);
    writeFileSync(path, whole.fill("not what SQLite has written", 3 * 4_096));
    await expect(reading()).rejects.toThrow(
      /journal\.db: .*malformed.*; restore the data folder from its backup/,
    );
    truncateSync(path, 3 * 4_096);
    await expect(reading()).rejects.toThrow(/journal\.db: .*malformed.*; restore the data folder/);
  });

  test.each([
    ["database or disk is full", "free space on the disk of the data folder, then start again"],
    ["disk I/O error", "check the disk and the rights of the data folder, then start again"],
    [
      "attempt to write a readonly database",
      "check the disk and the rights of the data folder, then start again",
    ],
  ])("%s", (message, remedy) => {
    const failed = Sqlite.unavailable("journal.db", new Error(message));
    expect(failed.message).toBe(`journal.db: ${message}; ${remedy}`);
  });

  test("a file that another process holds", async () => {
    const path = newFile();
    const opened = await openFile(path);
    const other = new DatabaseSync(path);
    other.exec("begin immediate");
    expect(await append(opened, shard(0), 0, "one")).toMatch(
      /database is locked; stop the other process that uses the data folder, then start again/,
    );
    other.exec("rollback");
    other.close();
    expect(await append(opened, shard(0), 0, "two")).toBe(1);
    expect(await read(opened, shard(0))).toEqual(["1 two"]);
  });

  test("a disk that fails later: no acknowledgement, and what was acknowledged stays", async () => {
    const path = newFile();
    const limited = `trap '' XFSZ; ulimit -f 4000; exec "$@"`;
    const writer = Processes.start("sh", [
      ...["-c", limited, "sh", Deno.execPath()],
      ...["run", "--quiet", "--allow-all", "test/journal/Writer.ts", path],
    ]);
    await until("its end", () => writer.exitCode() !== undefined, 30_000);
    const lines = writer.stdout().trim().split("\n");
    expect(lines.at(-1)).toMatch(
      /^stopped: JournalUnavailable: .*disk I\/O error; check the disk and/,
    );
    const opened = await openFile(path);
    for (const n of [0, 1, 2, 3]) {
      const acknowledged = lines.filter((one) => one.startsWith(`${n} `));
      const stored = await Effect.runPromise(opened.journal.read(shard(n), 0, 100_000));
      expect(stored.length).toBe(acknowledged.length);
      expect(stored.length).toBeGreaterThan(10);
    }
  });
});
