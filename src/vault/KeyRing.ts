/**
 * The local key ring: a master key and the wrapped keys of the tenants, files of mode 0600 under
 * the data folder. Other adapters keep the master key in a KMS or HSM.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Effect, Layer, Schema } from "effect";
import { type TenantKey, Vault, VaultFailed } from "./Vault.ts";

const Ring = Schema.Struct({
  version: Schema.Literal(1),
  /** SHA-256 of the master key: a ring and a master of two folders do not mix. */
  master: Schema.String,
  routing: Schema.Struct({ current: Schema.String, previous: Schema.NullOr(Schema.String) }),
  derive: Schema.String,
  /** `wrapped` is null for a key that was destroyed: that tells it from one that was lost. */
  tenants: Schema.Record(
    Schema.String,
    Schema.Array(Schema.Struct({ id: Schema.String, wrapped: Schema.NullOr(Schema.String) })),
  ),
});
type Ring = typeof Ring.Type;
const decodeRing = Schema.decodeUnknownSync(Schema.fromJsonString(Ring));

const nonceOctets = 12;
const tagOctets = 16;
const restore = "restore the folder 'keys' from its backup: nothing else can read the journal";

/** Random octets are cheap by the page and dear by the dozen. */
let pool = randomBytes(0);
let drawn = 0;
const freshNonce = (): Uint8Array => {
  if (drawn + nonceOctets > pool.length) {
    pool = randomBytes(341 * nonceOctets);
    drawn = 0;
  }
  drawn += nonceOctets;
  return pool.subarray(drawn - nonceOctets, drawn);
};

const seal = (key: Uint8Array, bound: Uint8Array, clear: Uint8Array): Uint8Array => {
  const sealed = new Uint8Array(nonceOctets + clear.length + tagOctets);
  const nonce = freshNonce();
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(bound);
  sealed.set(nonce);
  sealed.set(cipher.update(clear), nonceOctets);
  cipher.final();
  sealed.set(cipher.getAuthTag(), nonceOctets + clear.length);
  return sealed;
};

const open = (key: Uint8Array, bound: Uint8Array, sealed: Uint8Array): Uint8Array => {
  const end = sealed.length - tagOctets;
  if (end < nonceOctets) {
    throw new VaultFailed({ reason: "sealed octets are too short", remedy: restore });
  }
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceOctets));
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(end));
  const clear = decipher.update(sealed.subarray(nonceOctets, end));
  try {
    decipher.final();
  } catch {
    throw new VaultFailed({
      reason: "sealed octets were changed, or were sealed under another key",
      remedy: restore,
    });
  }
  return clear;
};

const tenantKey = (id: string, key: Uint8Array): TenantKey => ({
  id,
  seal: (bound, clear) => seal(key, bound, clear),
  open: (bound, sealed) => open(key, bound, sealed),
});

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const syncFolder = (folder: string): void => {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

/** Replaces a file so that a crash leaves the old or the new one, never half of it. */
const writeWhole = (path: string, content: Uint8Array | string): void => {
  const file = openSync(`${path}.new`, "w", 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  syncFolder(dirname(path));
};

const newRing = (master: Uint8Array): Ring => ({
  version: 1,
  master: digest(master),
  routing: { current: encode(seal(master, label, randomBytes(32))), previous: null },
  derive: encode(seal(master, label, randomBytes(32))),
  tenants: {},
});

const label = Buffer.from("tandem key ring 1");

const decodeVersion = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ version: Schema.Int })),
);

const readFile = (path: string): Ring => {
  try {
    const text = readFileSync(path, "utf8");
    const { version } = decodeVersion(text);
    if (version > 1) {
      throw new VaultFailed({
        reason: `${path}: a ring of version ${version} is newer than this Tandem`,
        remedy: "start the Tandem that wrote it, or give another --data folder",
      });
    }
    return decodeRing(text);
  } catch (cause) {
    if (cause instanceof VaultFailed) throw cause;
    const { message } = cause as Error;
    throw new VaultFailed({ reason: `${path} is damaged: ${message}`, remedy: restore });
  }
};

const pathsOf = (folder: string) => ({
  masterPath: join(folder, "master.key"),
  ringPath: join(folder, "ring.json"),
});

/** Makes both files elsewhere and moves them into place at once, unless somebody else was first. */
const create = (folder: string): void => {
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const fresh = mkdtempSync(`${folder}.new-`);
  const { masterPath, ringPath } = pathsOf(fresh);
  const master = randomBytes(32);
  try {
    writeWhole(masterPath, master);
    writeWhole(ringPath, JSON.stringify(newRing(master), null, 1));
    renameSync(fresh, folder);
    syncFolder(dirname(folder));
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    const { code } = cause as { readonly code?: string };
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw cause;
  }
};

const readRing = (folder: string): { readonly master: Uint8Array; readonly ring: Ring } => {
  const { masterPath, ringPath } = pathsOf(folder);
  if (!existsSync(masterPath) && !existsSync(ringPath)) create(folder);
  for (const path of [masterPath, ringPath]) {
    if (!existsSync(path)) throw new VaultFailed({ reason: `${path} is missing`, remedy: restore });
  }
  chmodSync(folder, 0o700);
  const open = statSync(masterPath).mode & 0o077;
  if (open !== 0) {
    throw new VaultFailed({
      reason: `${masterPath} can be read by others`,
      remedy: `chmod 600 ${masterPath}, and treat the key as known if others had access`,
    });
  }
  const master = new Uint8Array(readFileSync(masterPath));
  const ring = readFile(ringPath);
  const known = Buffer.from(ring.master);
  const actual = Buffer.from(digest(master));
  if (known.length !== actual.length || !timingSafeEqual(known, actual)) {
    throw new VaultFailed({
      reason: `${masterPath} is not the master key of ${ringPath}`,
      remedy: restore,
    });
  }
  return { master, ring };
};

/**
 * The ring in `folder`, made there when neither of its files exists. One process at a time may add
 * or destroy keys: whoever owns the data folder.
 */
export const make = (folder: string): Vault["Service"] => {
  const { master, ring: stored } = readRing(folder);
  let ring = stored;
  const unwrap = (wrapped: string) => open(master, label, decode(wrapped));
  const keys = new Map<string, TenantKey>();
  const current = new Map<string, TenantKey>();
  const adopt = (tenant: string, id: string, wrapped: string): void => {
    const key = tenantKey(id, unwrap(wrapped));
    keys.set(`${tenant}/${id}`, key);
    current.set(tenant, key);
  };
  for (const [tenant, list] of Object.entries(ring.tenants)) {
    for (const { id, wrapped } of list) if (wrapped !== null) adopt(tenant, id, wrapped);
  }
  const store = (tenants: Ring["tenants"]): void => {
    const { ringPath } = pathsOf(folder);
    const next = { ...ring, tenants };
    try {
      writeWhole(ringPath, JSON.stringify(next, null, 1));
    } catch (cause) {
      throw new VaultFailed({
        reason: `${ringPath} cannot be written: ${(cause as Error).message}`,
        remedy: "check the space on the disk and the rights of the folder",
      });
    }
    ring = next;
  };
  const secret = unwrap(ring.derive);
  return Vault.of({
    keyOf: (tenant) => {
      const known = current.get(tenant);
      if (known !== undefined) return known;
      const list = ring.tenants[tenant] ?? [];
      const fresh = randomBytes(32);
      const id = digest(fresh).slice(0, 12);
      const wrapped = encode(seal(master, label, fresh));
      store({ ...ring.tenants, [tenant]: [...list, { id, wrapped }] });
      adopt(tenant, id, wrapped);
      return current.get(tenant)!;
    },
    keyNamed: (tenant, id) => {
      const key = keys.get(`${tenant}/${id}`);
      if (key !== undefined) return key;
      if (ring.tenants[tenant]?.some((known) => known.id === id) === true) return "shredded";
      throw new VaultFailed({
        reason: `the key ring has no key ${id} of tenant ${tenant}`,
        remedy: restore,
      });
    },
    shred: (tenant) => {
      const list = ring.tenants[tenant] ?? [];
      store({ ...ring.tenants, [tenant]: list.map(({ id }) => ({ id, wrapped: null })) });
      current.delete(tenant);
      for (const name of keys.keys()) if (name.startsWith(`${tenant}/`)) keys.delete(name);
    },
    routing: {
      current: unwrap(ring.routing.current),
      previous: ring.routing.previous === null ? null : unwrap(ring.routing.previous),
    },
    derive: (purpose) =>
      new Uint8Array(createHash("sha256").update(secret).update(purpose).digest()),
  });
};

export const layer = (folder: string): Layer.Layer<Vault, VaultFailed> =>
  Layer.effect(
    Vault,
    Effect.try({
      try: () => make(folder),
      catch: (cause) =>
        cause instanceof VaultFailed
          ? cause
          : new VaultFailed({ reason: `key ring in ${folder}: ${cause}`, remedy: restore }),
    }),
  );
