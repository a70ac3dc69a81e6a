/** What is refused before anything in the folder is touched. */
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { afterAll, expect, test } from "vitest";
import * as DataFolder from "../../src/role/DataFolder.ts";
import * as Folders from "../support/Folders.ts";

afterAll(Folders.removeAll);

const open = (path: string) => Effect.runSync(Effect.scoped(DataFolder.open(path)));
const refusal = (path: string) =>
  Effect.runSync(Effect.scoped(Effect.flip(DataFolder.open(path)))).message;
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("a folder is made for its owner alone, and opened again", () => {
  const path = join(Folders.make("data"), "data");
  expect(open(path).path).toBe(path);
  expect(modeOf(path)).toBe("700");
  chmodSync(path, 0o755);
  open(path);
  expect(modeOf(path)).toBe("700");
});

test("a folder with a certificate of the operator's is taken", () => {
  const path = Folders.make("data");
  mkdirSync(join(path, "tls"));
  mkdirSync(join(path, "lost+found"));
  open(path);
  expect(existsSync(join(path, "lock"))).toBe(true);
});

test("a folder of somebody else is refused, and stays as it is", () => {
  const path = Folders.make("data");
  writeFileSync(join(path, "letter.txt"), "");
  chmodSync(path, 0o755);
  expect(refusal(path)).toMatch(/holds other things \(letter\.txt\); give an empty folder/);
  expect(readdirSync(path)).toEqual(["letter.txt"]);
  expect(modeOf(path)).toBe("755");
});

test("a journal without its keys is refused, and no keys are made", () => {
  const path = Folders.make("data");
  for (const name of ["lock", "journal.db"]) writeFileSync(join(path, name), "");
  expect(refusal(path)).toMatch(/not the folder keys .* restore/);
  expect(readdirSync(path).sort()).toEqual(["journal.db", "lock"]);
});

test("a path that is too long for the socket in it is refused", () => {
  const path = join(Folders.make("data"), "d".repeat(90));
  expect(refusal(path)).toMatch(/too long for control\.sock.* at most \d\d octets/);
  expect(existsSync(path)).toBe(false);
});
