import { Result } from "effect";
import { describe, expect, test } from "vitest";
import type { DirectoryTenant } from "../../schemas/Directory.ts";
import * as Directory from "../../src/host/Directory.ts";

const secret = "do-not-print-me";
const user = { extension: "1001", name: "Ada", secret };
const trunk = { id: "carrier", address: "192.0.2.9:5060" };
const tenant = { id: "demo", domain: "demo.test" };

const problemsOf = (json: unknown): ReadonlyArray<string> => {
  const parsed = Directory.parse(json);
  return Result.isFailure(parsed) ? parsed.failure.problems : [];
};
/** One tenant with these fields. */
const of = (fields: object): unknown => ({ tenants: [{ ...tenant, ...fields }] });

describe("a good file", () => {
  test("may name nothing but an id and a domain", () => {
    expect(problemsOf({ tenants: [] })).toEqual([]);
    expect(problemsOf(of({}))).toEqual([]);
  });

  test("may name everything", () => {
    const full = {
      exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
      mediaNetworks: ["127.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
      limits: { ringSeconds: 30, maxCallSeconds: 3_600, maxBindings: 5 },
      users: [user, { extension: "*9?x/%", name: "", secret: "x" }],
      trunks: [
        { ...trunk, transport: "tcp", inbound: true },
        { id: "b", address: "[2001:db8::1]:5061", transport: "tls", username: "gw", secret: "y" },
      ],
      routes: [{ match: "0*", trunk: "carrier" }, { match: "*", trunk: "b" }],
    };
    expect(problemsOf(of(full))).toEqual([]);
  });
});

/** What is wrong, and the place that the refusal must name. */
const wrong: ReadonlyArray<[json: unknown, place: string]> = [
  [7, "the directory: "],
  [null, "the directory: "],
  [{}, "tenants: "],
  [{ tenants: {} }, "tenants: "],
  [{ tenants: [7] }, "tenants[0]: "],
  [{ tenants: [], more: 1 }, "more: "],
  [{ tenants: [{ id: "demo" }] }, "tenants[0].domain: "],
  [{ tenants: [tenant, { domain: "b.test" }] }, "tenants[1].id: "],
  [of({ id: "Demo" }), "tenants[0].id: "],
  [of({ id: "-demo" }), "tenants[0].id: "],
  [of({ id: "d".repeat(33) }), "tenants[0].id: "],
  [of({ domain: "a b" }), "tenants[0].domain: "],
  [of({ domain: "" }), "tenants[0].domain: "],
  [of({ colour: "blue" }), "tenants[0].colour: "],
  [of({ exceptions: ["plainMedia", "plainText"] }), "tenants[0].exceptions[1]: "],
  [of({ mediaNetworks: ["127.0.0.0/8", "here"] }), "tenants[0].mediaNetworks[1]: "],
  [of({ mediaNetworks: ["127.0.0.0/33"] }), "tenants[0].mediaNetworks[0]: "],
  [of({ limits: { ringSeconds: 0 } }), "tenants[0].limits.ringSeconds: "],
  [of({ limits: { ringSeconds: 601 } }), "tenants[0].limits.ringSeconds: "],
  [of({ limits: { maxCallSeconds: 1.5 } }), "tenants[0].limits.maxCallSeconds: "],
  [of({ limits: { maxBindings: 33 } }), "tenants[0].limits.maxBindings: "],
  [of({ limits: { rings: 3 } }), "tenants[0].limits.rings: "],
  [of({ users: [{ extension: "1", name: "A" }] }), "tenants[0].users[0].secret: "],
  [of({ users: [user, { ...user, extension: "1 2" }] }), "tenants[0].users[1].extension: "],
  [of({ users: [{ ...user, extension: "" }] }), "tenants[0].users[0].extension: "],
  [of({ users: [{ ...user, name: "A\r\nVia: x" }] }), "tenants[0].users[0].name: "],
  [of({ users: [{ ...user, secret: "" }] }), "tenants[0].users[0].secret: "],
  [of({ users: [{ ...user, secret: secret.repeat(9) }] }), "tenants[0].users[0].secret: "],
  [of({ users: [{ ...user, secret: [secret] }] }), "tenants[0].users[0].secret: "],
  [of({ users: [{ ...user, [secret]: 1 }] }), "tenants[0].users[0]."],
  [of({ users: [user, { ...user }] }), "tenants[0].users[1].extension: "],
  [of({ trunks: [{ ...trunk, id: "a b" }] }), "tenants[0].trunks[0].id: "],
  [of({ trunks: [trunk, trunk] }), "tenants[0].trunks[1].id: "],
  [of({ trunks: [{ ...trunk, address: "carrier.test" }] }), "tenants[0].trunks[0].address: "],
  [of({ trunks: [{ ...trunk, address: "192.0.2.9:0" }] }), "tenants[0].trunks[0].address: "],
  [of({ trunks: [{ ...trunk, address: "192.0.2.9:65536" }] }), "tenants[0].trunks[0].address: "],
  [of({ trunks: [{ ...trunk, address: "192.0.2.300:1" }] }), "tenants[0].trunks[0].address: "],
  [of({ trunks: [{ ...trunk, address: "[:::]:1" }] }), "tenants[0].trunks[0].address: "],
  [of({ trunks: [{ ...trunk, transport: "sctp" }] }), "tenants[0].trunks[0].transport: "],
  [of({ trunks: [{ ...trunk, inbound: "yes" }] }), "tenants[0].trunks[0].inbound: "],
  [of({ trunks: [{ ...trunk, username: "gw" }] }), "tenants[0].trunks[0]: "],
  [of({ trunks: [{ ...trunk, secret }] }), "tenants[0].trunks[0]: "],
  [
    of({ users: [user], trunks: [{ ...trunk, username: "1001", secret }] }),
    "tenants[0].trunks[0].username: ",
  ],
  [
    of({
      trunks: ["a", "b"].map((id) => ({ ...trunk, id, username: "gw", secret })),
    }),
    "tenants[0].trunks[1].username: ",
  ],
  [of({ routes: [{ match: "0*", trunk: "none" }] }), "tenants[0].routes[0].trunk: "],
  [
    of({ trunks: [trunk], routes: [{ match: "", trunk: "carrier" }] }),
    "tenants[0].routes[0].match",
  ],
  [{ tenants: [tenant, { id: "demo", domain: "b.test" }] }, "tenants[1].id: "],
  [{ tenants: [tenant, { id: "b", domain: "DEMO.test" }] }, "tenants[1].domain: "],
  [
    {
      tenants: [
        { ...tenant, trunks: [{ ...trunk, inbound: true, address: "[2001:db8::1]:5060" }] },
        {
          id: "b",
          domain: "b.test",
          trunks: [{ ...trunk, inbound: true, address: "[2001:DB8:0::1]:5070" }],
        },
      ],
    },
    "tenants[1].trunks[0].address: ",
  ],
];

describe("a wrong file is refused whole", () => {
  test.each(wrong)("%j: %s", (json, place) => {
    const problems = problemsOf(json);
    expect(problems.map((problem) => problem.slice(0, place.length))).toContain(place);
  });

  test.each(wrong)("%j: without its secrets", (json) => {
    for (const problem of problemsOf(json)) {
      expect(problem.replace(/^[^:]*: /, "")).not.toContain(secret);
    }
  });

  test("all problems at once, and never more than forty", () => {
    const users = Array.from({ length: 100 }, () => ({ extension: "", name: "", secret }));
    const problems = problemsOf(of({ users }));
    expect(problems).toHaveLength(40);
    expect(new Directory.DirectoryRefused({ problems }).message).toMatch(/^the directory is/);
  });
});

describe("what of a tenant is kept", () => {
  const given: DirectoryTenant = {
    id: "demo",
    domain: "Demo.Test",
    trunks: [
      { id: "a", address: "[2001:DB8:0:0::1]:5061", username: "gw", secret },
      { id: "b", address: "[::ffff:192.0.2.1]:5060" },
    ],
  };
  const fingerprint = (parts: ReadonlyArray<string>): string => parts.join("|");
  const partsOf = (tenant: DirectoryTenant) => Directory.partsOf(tenant, fingerprint);

  test("defaults, and the domain in lower case", () => {
    expect(partsOf(given).policy).toEqual({
      domain: "demo.test",
      exceptions: [],
      mediaNetworks: [],
      limits: { ringMs: 60_000, maxCallMs: 14_400_000, maxBindings: 10 },
    });
  });

  test("an address is spelled as sources are, so that its trunk is known by it", () => {
    const addresses = partsOf(given).trunks.map(({ address }) => address);
    expect(addresses).toEqual([
      { ip: "2001:db8::1", port: 5_061 },
      { ip: "192.0.2.1", port: 5_060 },
    ]);
  });

  test("no secret but its fingerprint, which changes with all that the login rests on", () => {
    const credentialOf = (tenant: DirectoryTenant) => partsOf(tenant).trunks[0]?.credential;
    expect(partsOf(given).trunks[1]?.credential).toBeNull();
    const [first, second] = given.trunks!;
    const others: ReadonlyArray<DirectoryTenant> = [
      given,
      { ...given, domain: "other.test" },
      { ...given, exceptions: ["md5Digest"] },
      { ...given, trunks: [{ ...first!, secret: "other" }, second!] },
      { ...given, trunks: [{ ...first!, username: "other" }, second!] },
    ];
    expect(new Set(others.map(credentialOf)).size).toBe(others.length);
    expect(credentialOf({ ...given, domain: "DEMO.TEST" })).toBe(credentialOf(given));
  });
});
