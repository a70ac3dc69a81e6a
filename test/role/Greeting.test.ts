/** What a start prints, against golden files. */
import { expect, test } from "vitest";
import type { TenantFacts } from "../../schemas/Tenant.ts";
import * as Greeting from "../../src/role/Greeting.ts";

const tenant: TenantFacts = {
  domain: "127.0.0.1",
  exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
  mediaNetworks: ["127.0.0.0/8"],
  limits: { ringMs: 60_000, maxCallMs: 14_400_000, maxBindings: 10 },
  trunks: [],
  routes: [],
  users: [],
};

const demo: Greeting.Facts = {
  version: "1.2.3",
  bind: "127.0.0.1",
  ports: { udp: 5060, tcp: 5060, tls: 5061, wss: 5443, https: 8443 },
  rtp: { first: 10_000, last: 19_999 },
  data: "/srv/tandem/data",
  dataFlag: "",
  changes: [
    { tenant: "demo", action: "add", what: "tenant demo (127.0.0.1), exceptions plainMedia" },
    { tenant: "demo", action: "add", what: "user 1001" },
  ],
  tenants: [["demo", tenant]],
  demo: {
    tenants: [{
      id: "demo",
      domain: "127.0.0.1",
      users: [
        { extension: "1001", name: "Ada", secret: "first-secret" },
        { extension: "1002", name: "Grace", secret: "other-secret" },
      ],
    }],
  },
};

const golden = (name: string, facts: Greeting.Facts) =>
  expect(`${Greeting.text(facts)}\n`).toMatchFileSnapshot(`golden/${name}.txt`);

test("the demo", () => golden("demo", demo));

test("a directory, on a reachable address, over a folder that knew another tenant", () =>
  golden("directory", {
    ...demo,
    bind: "192.0.2.10",
    demo: null,
    changes: [{ tenant: "demo", action: "keep", what: "tenant demo" }],
    tenants: [["demo", tenant], ["office", { ...tenant, exceptions: [] }]],
  }));

test("exceptions are named at every start, also when nothing changed", () => {
  const text = Greeting.text({ ...demo, changes: [], demo: null });
  expect(text).toContain("plainMedia, plainSignalling, md5Digest");
});

test("a thousand tenants do not fill the screen", () => {
  const tenants = Array.from({ length: 1_000 }, (_, n) => [`t${n}`, tenant] as const);
  const lines = Greeting.text({ ...demo, tenants, demo: null }).split("\n");
  expect(lines.length).toBeLessThan(40);
  expect(lines.at(-1)).toBe("... and 980 more");
});
