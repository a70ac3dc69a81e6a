import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Digest from "../../src/sip/Digest.ts";
import { invite, request } from "./samples.ts";

/** RFC 7616 section 3.9.1. */
const mufasa = {
  nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
  nc: "00000001",
  cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
  uri: "/dir/index.html",
};

describe("vectors of RFC 7616 section 3.9", () => {
  const cases: ReadonlyArray<readonly [Digest.Algorithm, string]> = [
    ["MD5", "8ca523f5e9506fed4657c9700eebdbec"],
    ["SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"],
  ];
  for (const [algorithm, expected] of cases) {
    test(algorithm, () => {
      const secret = Digest.ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
      expect(Digest.response(secret, "GET", { ...mufasa, algorithm })).toBe(expected);
    });
  }
  test("SHA-512-256, by erratum 4897 (the printed one was computed with another hash)", () => {
    const algorithm = "SHA-512-256";
    const secret = Digest.ha1(algorithm, "Jäsøn Doe", "api@example.org", "Secret, or not?");
    expect(Digest.response(secret, "GET", {
      algorithm,
      nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
      nc: "00000001",
      cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
      uri: "/doe.json",
    })).toBe("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
  });
});

const challenge = (algorithm: Digest.Algorithm, realm = "example.com"): Digest.Challenge => ({
  realm,
  nonce: "n1",
  algorithm,
  stale: false,
  opaque: undefined,
});
const login = {
  username: "ann",
  password: "secret",
  method: "REGISTER",
  uri: "sip:example.com",
  cnonce: "c1",
  count: 1,
};
const good = Digest.authorization(challenge("SHA-256"), login);

const answerOf = (value: string) => {
  const credentials = Digest.parse(value);
  if (credentials.kind !== "answer") throw new Error(JSON.stringify(credentials));
  return credentials.answer;
};

test("an answer is read into its fields", () => {
  const value = 'DIGEST username="a\\"b", realm = "r", nonce="n", uri="sip:x;y=z", ' +
    `response="${"AB".repeat(16)}" ,algorithm=md5, cnonce="c", qop=auth, nc=0000000A, opaque="o"`;
  expect(answerOf(value)).toEqual({
    username: 'a"b',
    realm: "r",
    nonce: "n",
    uri: "sip:x;y=z",
    response: "ab".repeat(16),
    algorithm: "MD5",
    cnonce: "c",
    nc: "0000000A",
  });
});

test("what was answered is verified, and nothing else", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(
      fc.constantFrom(...Digest.algorithms),
      text,
      text,
      text,
      (algorithm, username, password, other) => {
        const value = Digest.authorization(challenge(algorithm), { ...login, username, password });
        const answer = answerOf(value);
        expect(answer.username).toBe(username);
        const secret = (of: string) => Digest.ha1(algorithm, username, "example.com", of);
        expect(Digest.verify(answer, secret(password), "REGISTER")).toBe(true);
        expect(Digest.verify(answer, secret(password), "INVITE")).toBe(false);
        expect(Digest.verify(answer, secret(other), "REGISTER")).toBe(other === password);
        const short = { ...answer, response: answer.response.slice(1) };
        expect(Digest.verify(short, secret(password), "REGISTER")).toBe(false);
      },
    ),
  );
});

describe("T23: credentials that nobody should accept", () => {
  const many = Array.from({ length: 1_000 }, (_, i) => `p${i}=x`).join(", ");
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["no parameters", "Digest"],
    ["no parameters but a space", "Digest "],
    ["a quote that never closes", 'Digest username="ann'],
    ["a quote that is escaped away", 'Digest username="ann\\"'],
    ["1,000 parameters", `Digest ${many}`],
    ["a parameter twice", good.replace("nc=", 'realm="other", nc=')],
    ["a parameter without a value", good.replace("nc=00000001", "nc=")],
    ["no comma", good.replace(", realm", " realm")],
    ["a comma at the end", `${good},`],
    ["no qop", good.replace(", qop=auth", "")],
    ["qop=auth-int", good.replace("qop=auth", "qop=auth-int")],
    ["no nc", good.replace(", nc=00000001", "")],
    ["a short nc", good.replace("nc=00000001", "nc=1")],
    ["no cnonce", good.replace(', cnonce="c1"', "")],
    ["no response", good.replace(/response="[^"]*", /, "")],
    ["a response that is no hash", good.replace(/response="../, 'response="zz')],
    ["a response of another size", good.replace(/response="../, 'response="')],
    ["an unknown algorithm", good.replace("SHA-256", "SHA-1")],
    ["a -sess algorithm", good.replace("SHA-256", "SHA-256-sess")],
    ["another algorithm than its response", good.replace("SHA-256", "MD5")],
    ["a hashed user name", `${good}, userhash=true`],
    ["an encoded user name", `${good}, username*=UTF-8''ann`],
    ["a realm that is not UTF-8", good.replace("example.com", "\xff")],
    ["a nonce of 300 octets", good.replace('"n1"', `"${"n".repeat(300)}"`)],
    ["a user name of 8 KB", good.replace('"ann"', `"${"a".repeat(8_000)}"`)],
  ];
  for (const [what, value] of cases) {
    test(`T23: ${what}`, () => expect(Digest.parse(value).kind).toBe("unreadable"));
  }
  test("T23: another scheme is no credentials", () => {
    expect(Digest.parse("").kind).toBe("otherScheme");
    expect(Digest.parse("Basic YTpi").kind).toBe("otherScheme");
    expect(Digest.parse("NoOneKnowsThisScheme opaque-data=here").kind).toBe("otherScheme");
  });
  test("T23: of several, the answer for our realm counts", () => {
    const foreign = Digest.authorization(challenge("MD5", "elsewhere"), login);
    const read = (...values: ReadonlyArray<string>) =>
      Digest.credentials(
        request(invite({}, values.map((value) => `Authorization: ${value}`))),
        "authorization",
        "example.com",
      );
    expect(read()).toBeUndefined();
    expect(read("Basic YTpi")).toBeUndefined();
    expect(read(foreign)?.kind).toBe("unreadable");
    expect(read("Basic YTpi", foreign, "Digest x", good)?.kind).toBe("answer");
  });
});

describe("challenges", () => {
  test("are printed as RFC 8760 section 2.4 wants them, one header for each algorithm", () => {
    expect(Digest.challenge({ ...challenge("SHA-512-256"), stale: true, opaque: 'o"' })).toBe(
      'Digest realm="example.com", nonce="n1", algorithm=SHA-512-256, qop="auth", stale=true, ' +
        'opaque="o\\""',
    );
    expect(Digest.challenge(challenge("MD5"))).toBe(
      'Digest realm="example.com", nonce="n1", algorithm=MD5, qop="auth"',
    );
  });
  test("what is printed is read", () => {
    for (const algorithm of Digest.algorithms) {
      const one = { ...challenge(algorithm, "Zürich"), opaque: "o" };
      expect(Digest.parseChallenge(Digest.challenge(one))).toEqual(one);
    }
  });
  test("without qop=auth none is answered", () => {
    expect(Digest.parseChallenge('Digest realm="r", nonce="n"')).toBeUndefined();
    expect(Digest.parseChallenge('Digest realm="r", nonce="n", qop="auth-int"')).toBeUndefined();
    expect(Digest.parseChallenge('Digest realm="r", nonce="n", qop="auth-int, auth"')?.algorithm)
      .toBe("MD5");
    expect(Digest.parseChallenge('Basic realm="r"')).toBeUndefined();
  });
  test("the strongest one for our realm is chosen", () => {
    const offered = [
      Digest.challenge(challenge("MD5")),
      "Basic x",
      Digest.challenge(challenge("SHA-512-256", "elsewhere")),
      Digest.challenge(challenge("SHA-256")),
    ];
    expect(Digest.choose(offered, "example.com")?.algorithm).toBe("SHA-256");
    expect(Digest.choose(offered, "example.com", ["MD5"])?.algorithm).toBe("MD5");
    expect(Digest.choose(offered, "unknown")).toBeUndefined();
  });
});
