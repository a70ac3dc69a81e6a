/** The local key ring: its files, its seals, and what it refuses. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Context, Effect, Layer } from "effect";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import * as KeyRing from "../../src/vault/KeyRing.ts";
import { Vault, VaultFailed } from "../../src/vault/Vault.ts";
import * as Folders from "../support/Folders.ts";
import * as Processes from "../support/Processes.ts";
import { within } from "../support/Until.ts";

afterAll(Folders.removeAll);
afterAll(Processes.endAll);

const newFolder = (): string => join(Folders.make("vault"), "keys");

/** Through the port, as roles open it. */
const open = (folder = newFolder()): Vault["Service"] =>
  Context.get(Effect.runSync(Effect.scoped(Layer.build(KeyRing.layer(folder)))), Vault);

const refusal = (folder: string): string =>
  Effect.runSync(Effect.scoped(Effect.flip(Layer.build(KeyRing.layer(folder))))).message;

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const octets = fc.uint8Array({ maxLength: 300 });
const bound = utf8("header");

/** Opens a record as a core does: by the tenant and the key that its header names. */
const read = (vault: Vault["Service"], tenant: string, id: string, sealed: Uint8Array) => {
  const key = vault.keyNamed(tenant, id);
  return key === "shredded" ? key : new TextDecoder().decode(key.open(bound, sealed));
};

describe("seals", () => {
  test("open to what was sealed, with what it was bound to", () => {
    const key = open().keyOf("acme");
    fc.assert(
      fc.property(octets, octets, (bound, clear) => {
        const [given, sealed] = [clear.slice(), key.seal(bound, clear)];
        // What was given may be reused, and a seal is nobody else's memory.
        const other = key.seal(bound, clear.fill(0));
        expect(sealed.length).toBe(given.length + 28);
        expect(Uint8Array.from(key.open(bound, sealed))).toEqual(given);
        expect(Uint8Array.from(key.open(bound, other))).toEqual(clear);
      }),
    );
  });

  test("fail with a typed error when one bit is another, or an octet is missing", () => {
    const key = open().keyOf("acme");
    const sealed = key.seal(bound, utf8("secret"));
    const fails = (bound: Uint8Array, sealed: Uint8Array) =>
      expect(() => key.open(bound, sealed)).toThrow(VaultFailed);
    const flipped = (bytes: Uint8Array, bit: number) => {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    };
    for (let bit = 0; bit < 8 * sealed.length; bit++) fails(bound, flipped(sealed, bit));
    for (let bit = 0; bit < 8 * bound.length; bit++) fails(flipped(bound, bit), sealed);
    for (let end = 0; end < sealed.length; end++) fails(bound, sealed.subarray(0, end));
    fails(bound.subarray(1), sealed);
    expect(() => key.open(bound, flipped(sealed, 100))).toThrow(
      /changed, or were sealed under another key; restore the folder 'keys' from its backup/,
    );
  });

  test("never share a nonce", () => {
    const [a, b] = [open().keyOf("acme"), open().keyOf("acme")];
    const nonces = new Set<string>();
    for (let n = 0; n < 2_000; n++) {
      for (const key of [a, b]) {
        nonces.add(Buffer.from(key.seal(bound, bound).subarray(0, 12)).toString("hex"));
      }
    }
    expect(nonces.size).toBe(4_000);
  });

  test("of one tenant do not open for another", () => {
    const vault = open();
    const [a, b] = [vault.keyOf("acme"), vault.keyOf("other")];
    expect(a.id).not.toBe(b.id);
    expect(() => b.open(bound, a.seal(bound, bound))).toThrow(VaultFailed);
    expect(() => vault.keyNamed("other", a.id)).toThrow(
      `the key ring has no key ${a.id} of tenant other; restore the folder 'keys'`,
    );
  });
});

describe("the ring", () => {
  test("keeps its keys, in files that only its owner may read", () => {
    const folder = newFolder();
    const first = open(folder);
    const { id, seal } = first.keyOf("acme");
    expect(first.keyOf("acme").id).toBe(id);
    const sealed = seal(bound, utf8("kept"));
    const modes = () =>
      ["", "master.key", "ring.json"].map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes()).toEqual([0o700, 0o600, 0o600]);
    expect(readdirSync(folder).sort()).toEqual(["master.key", "ring.json"]);
    expect(readdirSync(join(folder, ".."))).toEqual(["keys"]);
    const second = open(folder);
    expect(second.keyOf("acme").id).toBe(id);
    expect(read(second, "acme", id, sealed)).toBe("kept");
    expect(second.routing).toEqual(first.routing);
    chmodSync(folder, 0o755);
    open(folder);
    expect(modes()).toEqual([0o700, 0o600, 0o600]);
  });

  test("holds no key in clear", () => {
    const folder = newFolder();
    const vault = open(folder);
    vault.keyOf("acme");
    const ring = readFileSync(join(folder, "ring.json"), "utf8");
    const master = readFileSync(join(folder, "master.key"));
    for (const key of [master, vault.routing.current]) {
      expect(ring).not.toContain(Buffer.from(key).toString("base64"));
      expect(ring).not.toContain(Buffer.from(key).toString("hex"));
    }
  });

  test("derives a key for each purpose, the same each time", () => {
    const folder = newFolder();
    const purposes = ["nonce", "call", "fingerprint", "decoy"] as const;
    const derived = (vault: Vault["Service"]) =>
      purposes.map((purpose) => Buffer.from(vault.derive(purpose)).toString("hex"));
    const keys = derived(open(folder));
    expect(new Set(keys).size).toBe(4);
    expect(derived(open(folder))).toEqual(keys);
    expect(derived(open())).not.toEqual(keys);
  });

  test("gives the routing key before the present one to whoever checks a tag", () => {
    const folder = newFolder();
    const before = open(folder).routing;
    expect(before.previous).toBeNull();
    const file = join(folder, "ring.json");
    const ring = JSON.parse(readFileSync(file, "utf8"));
    // Rotated: another wrapped key in force, and the one that was.
    ring.routing = { current: ring.derive, previous: ring.routing.current };
    writeFileSync(file, JSON.stringify(ring));
    const after = open(folder).routing;
    expect(after.previous).toEqual(before.current);
    expect(after.current).not.toEqual(before.current);
  });

  test("that was shredded for a tenant reads nothing of it, and all of the others", () => {
    const folder = newFolder();
    const vault = open(folder);
    const [a, b] = [vault.keyOf("acme"), vault.keyOf("other")];
    const [ofA, ofB] = [a.seal(bound, utf8("of acme")), b.seal(bound, utf8("of other"))];
    vault.shred("acme");
    for (const one of [vault, open(folder)]) {
      expect(read(one, "acme", a.id, ofA)).toBe("shredded");
      expect(read(one, "other", b.id, ofB)).toBe("of other");
    }
    // A key that never was is still an error, not a shredded one.
    expect(() => vault.keyNamed("acme", "000000000000")).toThrow(VaultFailed);
    expect(readFileSync(join(folder, "ring.json"), "utf8")).toContain(a.id);
  });

  test("goes on for a tenant that was shredded, under a new key", () => {
    const folder = newFolder();
    const vault = open(folder);
    const old = vault.keyOf("acme");
    vault.shred("acme");
    const fresh = vault.keyOf("acme");
    expect(fresh.id).not.toBe(old.id);
    const sealed = fresh.seal(bound, utf8("new"));
    for (const one of [vault, open(folder)]) {
      expect(one.keyNamed("acme", old.id)).toBe("shredded");
      expect(read(one, "acme", fresh.id, sealed)).toBe("new");
    }
  });

  test("made by several processes at once is one ring", async () => {
    const folder = Folders.make("vault");
    const rounds = 25;
    const args = ["run", "--quiet", "--allow-all", "test/vault/Opener.ts", folder, `${rounds}`];
    const at = `${Date.now() + 2_000}`;
    const everyone = [1, 2, 3].map(() => Processes.start(Deno.execPath(), [...args, at, "20"]));
    const codes = Promise.all(everyone.map(({ exited }) => exited));
    const outputs = () => everyone.map(({ output }) => output()).join("\n");
    expect(await within("their ends", codes, 30_000, outputs), outputs()).toEqual([0, 0, 0]);
    const [first, second, third] = everyone.map(({ stdout }) => stdout());
    expect(first?.split("\n")).toHaveLength(rounds + 1);
    expect([second, third]).toEqual([first, first]);
    for (let n = 0; n < rounds; n++) {
      expect(readdirSync(join(folder, `${n}`))).toEqual(["keys"]);
      const { current } = open(join(folder, `${n}`, "keys")).routing;
      expect(first).toContain(`${n} ${Buffer.from(current).toString("hex")} `);
    }
  });
});

describe("refuses, and says what to do", () => {
  const made = () => {
    const folder = newFolder();
    open(folder).keyOf("acme");
    return { folder, master: join(folder, "master.key"), ring: join(folder, "ring.json") };
  };
  const restore = /; restore the folder 'keys' from its backup: nothing else can read the journal$/;

  test("a master key that others can read", () => {
    const { folder, master } = made();
    for (const mode of [0o640, 0o604, 0o666]) {
      chmodSync(master, mode);
      expect(refusal(folder)).toBe(
        `${master} can be read by others; chmod 600 ${master}, and treat the key as known ` +
          "if others had access",
      );
    }
    chmodSync(master, 0o600);
    open(folder);
  });

  test.each([
    ["cut short", (key: Uint8Array) => key.subarray(0, 31)],
    ["empty", () => new Uint8Array()],
    ["of another ring", () => readFileSync(made().master)],
  ])("a master key that is %s", (_, change) => {
    const { folder, master } = made();
    writeFileSync(master, change(readFileSync(master)));
    expect(refusal(folder)).toMatch(/master\.key is not the master key of .*ring\.json; restore/);
    expect(refusal(folder)).toMatch(restore);
  });

  test("a ring that is no JSON, cut short, of another version, or with a damaged key", () => {
    const { folder, ring } = made();
    const whole = readFileSync(ring, "utf8");
    const wrapped: string = JSON.parse(whole).tenants.acme[0].wrapped;
    const damaged = {
      garbage: "garbage",
      empty: "",
      short: whole.slice(0, -10),
      unversioned: whole.replace('"version": 1', '"version": "one"'),
      older: whole.replace('"version": 1', '"version": 0'),
    };
    for (const [name, text] of Object.entries(damaged)) {
      writeFileSync(ring, text);
      expect(refusal(folder), name).toMatch(/ring\.json is damaged: /);
      expect(refusal(folder), name).toMatch(restore);
    }
    writeFileSync(ring, whole.replace('"version": 1', '"version": 2'));
    expect(refusal(folder)).toMatch(/version 2 is newer than this Tandem; start the Tandem that/);
    const other = wrapped.startsWith("A") ? "B" : "A";
    writeFileSync(ring, whole.replace(wrapped, other + wrapped.slice(1)));
    expect(refusal(folder)).toMatch(/sealed octets were changed, or were sealed under another key/);
    expect(refusal(folder)).toMatch(restore);
  });

  test("one file without the other: it makes no second key over the first", () => {
    const [first, second] = [made(), made()];
    rmSync(first.ring);
    expect(refusal(first.folder)).toMatch(/ring\.json is missing; restore the folder 'keys'/);
    rmSync(second.master);
    expect(refusal(second.folder)).toMatch(/master\.key is missing; restore the folder 'keys'/);
  });

  test("a folder that cannot be made, or holds something else", () => {
    const place = Folders.make("vault");
    writeFileSync(join(place, "file"), "");
    expect(refusal(join(place, "file", "keys"))).toMatch(/key ring in .*file\/keys: /);
    mkdirSync(join(place, "else"));
    writeFileSync(join(place, "else", "letter.txt"), "");
    expect(refusal(join(place, "else"))).toMatch(/master\.key is missing; restore/);
    expect(readdirSync(place).sort()).toEqual(["else", "file"]);
  });

  test("a new key that cannot be stored: nothing is ever sealed with it", () => {
    const { folder, ring } = made();
    const vault = open(folder);
    mkdirSync(`${ring}.new`);
    expect(() => vault.keyOf("new")).toThrow(
      /ring\.json cannot be written: .*; check the space on the disk and the rights/,
    );
    expect(() => vault.shred("acme")).toThrow(VaultFailed);
    expect(vault.keyOf("acme").open(bound, vault.keyOf("acme").seal(bound, bound))).toBeDefined();
    rmSync(`${ring}.new`, { recursive: true });
    const { id } = vault.keyOf("new");
    expect(open(folder).keyOf("new").id).toBe(id);
  });
});
