import { describe, expect, test } from "vitest";
import type { DigestAnswer, RequestIdentity, Transport } from "../../schemas/Sip.ts";
import type { Exception, Policy } from "../../schemas/Tenant.ts";
import type { Algorithm } from "../../schemas/User.ts";
import * as Authentication from "../../src/host/Authentication.ts";
import * as Nonce from "../../src/host/Nonce.ts";
import * as Digest from "../../src/sip/Digest.ts";

const at = 1_795_000_000_000;
const key = new Uint8Array(32).fill(9);
const binding: Nonce.Binding = { realm: "demo.test", shard: 17, epoch: 3 };
const policyOf = (...exceptions: ReadonlyArray<Exception>): Policy => ({
  tenant: "demo",
  domain: "demo.test",
  exceptions,
  mediaNetworks: [],
  limits: { ringMs: 1, maxCallMs: 1, maxBindings: 1 },
});

const secretsOf = (): Authentication.Secrets => ({
  key,
  counts: Nonce.counts(),
  random: (size) => new Uint8Array(size).fill(5),
});

const ha1 = (algorithm: Algorithm) => ({
  algorithm,
  value: Digest.ha1(algorithm, "1001", "demo.test", "secret"),
});
const stored = (["SHA-512-256", "SHA-256", "MD5"] as const).map(ha1);

/** An answer to a challenge as an honest phone makes it, then changed. */
const answerOf = (change: Partial<DigestAnswer> = {}, method = "REGISTER"): DigestAnswer => {
  const honest = {
    username: "1001",
    realm: "demo.test",
    nonce: Nonce.mint(key, binding, at, new Uint8Array(6)),
    uri: "sip:demo.test",
    algorithm: "SHA-256" as Algorithm,
    cnonce: "c",
    nc: "00000001",
    ...change,
  };
  const response = Digest.response(ha1(honest.algorithm).value, method, honest);
  return { ...honest, response, ...change };
};

const identityOf = (
  digest: DigestAnswer | null,
  transport: Transport = "tls",
): RequestIdentity => ({
  method: "REGISTER",
  requestUser: "",
  requestHost: "demo.test",
  fromUser: "1001",
  fromHost: "demo.test",
  toUser: "1001",
  toHost: "demo.test",
  source: {
    edge: "e1",
    incarnation: "boot",
    transport,
    connection: 0,
    remote: { ip: "192.0.2.1", port: 5060 },
  },
  digest,
});

const refusalOf = (
  digest: DigestAnswer | null,
  { policy = policyOf(), secrets = secretsOf(), known = stored, now = at, epoch = 3 } = {},
) => {
  const context = { at: now, binding: { ...binding, epoch }, policy };
  return Authentication.refusalOf(secrets, context, known, identityOf(digest));
};
const challenge = (stale: boolean) => ({ _tag: "Challenged", realm: "demo.test", stale });

describe("an answer that is right", () => {
  test.each(["SHA-512-256", "SHA-256"] as const)("by %s is taken", (algorithm) => {
    expect(refusalOf(answerOf({ algorithm }))).toBeNull();
  });

  test("by MD5 is taken where the tenant allows it, and nowhere else", () => {
    const answer = answerOf({ algorithm: "MD5" });
    expect(refusalOf(answer)).toMatchObject(challenge(false));
    expect(refusalOf(answer, { policy: policyOf("md5Digest") })).toBeNull();
    const better = answerOf({ algorithm: "SHA-256" });
    expect(refusalOf(better, { policy: policyOf("md5Digest") })).toMatchObject(challenge(false));
  });

  test("is good once: again it is stale, with the next count it is taken", () => {
    const secrets = secretsOf();
    expect(refusalOf(answerOf(), { secrets })).toBeNull();
    expect(refusalOf(answerOf(), { secrets })).toMatchObject(challenge(true));
    expect(refusalOf(answerOf({ nc: "00000002" }), { secrets })).toBeNull();
  });

  test("to a nonce that is too old, or of the owner before, may be given anew at once", () => {
    const late = { now: at + Nonce.nonceLifeMs + 1 };
    expect(refusalOf(answerOf(), late)).toMatchObject(challenge(true));
    expect(refusalOf(answerOf(), { epoch: 4 })).toMatchObject(challenge(true));
  });
});

describe("an answer that is wrong is challenged, and never called stale", () => {
  const old = Nonce.mint(key, binding, at - 2 * Nonce.nonceLifeMs, new Uint8Array(6));
  test.each<[string, DigestAnswer | null]>([
    ["none", null],
    ["another secret", answerOf({ response: "0".repeat(64) })],
    ["an empty one", answerOf({ response: "" })],
    ["another secret to an old nonce", answerOf({ response: "0".repeat(64), nonce: old })],
    ["a nonce that is not ours", answerOf({ nonce: "made-up" })],
    ["another realm", answerOf({ realm: "other.test" })],
    ["another method", { ...answerOf({}, "INVITE") }],
  ])("%s", (_what, answer) => {
    expect(refusalOf(answer)).toMatchObject(challenge(false));
  });

  test("it uses up no count: whoever knows the secret is not shut out by a guess", () => {
    const secrets = secretsOf();
    const guess = answerOf({ response: "0".repeat(64) });
    expect(refusalOf(guess, { secrets })).toMatchObject(challenge(false));
    expect(refusalOf(answerOf(), { secrets })).toBeNull();
  });

  test("an unknown user hears what a wrong secret hears", () => {
    const wrong = refusalOf(answerOf({ response: "0".repeat(64) }));
    expect(refusalOf(answerOf(), { known: [] })).toEqual(wrong);
    expect(refusalOf(null)).toEqual(wrong);
  });

  test("the hash that stands in for an unknown user opens nothing", () => {
    for (const algorithm of ["SHA-512-256", "SHA-256"] as const) {
      const forged = answerOf({ algorithm });
      const response = Digest.response("0".repeat(64), "REGISTER", forged);
      expect(refusalOf({ ...forged, response }, { known: [] })).toMatchObject(challenge(false));
    }
  });
});

describe("a challenge", () => {
  test("offers the strongest first and never MD5; with the exception MD5 alone", () => {
    expect(Authentication.algorithmsOf(policyOf())).toEqual(["SHA-512-256", "SHA-256"]);
    expect(Authentication.algorithmsOf(policyOf("md5Digest"))).toEqual(["MD5"]);
  });

  test("has a nonce that its answer may use", () => {
    const asked = refusalOf(null);
    if (asked?._tag !== "Challenged") throw new Error("no challenge");
    expect(refusalOf(answerOf({ nonce: asked.nonce }))).toBeNull();
  });
});

test.each<[Transport, boolean, boolean]>([
  ["udp", true, false],
  ["tcp", true, false],
  ["tls", false, false],
  ["wss", false, false],
])("signalling over %s is too plain: %s, with the exception: %s", (transport, without, granted) => {
  const identity = identityOf(null, transport);
  expect(Authentication.isTooPlain(identity, policyOf())).toBe(without);
  expect(Authentication.isTooPlain(identity, policyOf("plainSignalling"))).toBe(granted);
});
