import { expect, test } from "vitest";
import type { Realms } from "../../schemas/Envelope.ts";
import * as Directory from "../../src/edge/Realms.ts";

const trunk = (ip: string, tenant: string): Realms["trunks"][number] => ({
  address: { ip, port: 5_060 },
  tenant,
  cell: "a",
});

const domain = (name: string, tenant: string): Realms["domains"][number] => ({
  domain: name,
  tenant,
  cell: "a",
});

const directory = (...updates: ReadonlyArray<Partial<Realms>>) => {
  const made = Directory.make(new Set(["192.0.2.1", "localhost"]));
  updates.forEach((update, version) =>
    made.update({ version, domains: [], trunks: [], ...update })
  );
  return (source: string, ...hosts: ReadonlyArray<string>) => made.find(source, hosts)?.tenant;
};

const one = { domains: [domain("One.Test", "one")] };
const both = { domains: [...one.domains, domain("two.test", "two")] };

test("the first host that is a domain decides, whatever its case", () => {
  const find = directory(both);
  expect(find("198.51.100.1", "nobody.test", "ONE.test", "two.test")).toBe("one");
  expect(find("198.51.100.1", "two.test", "one.test")).toBe("two");
  expect(find("198.51.100.1", "nobody.test")).toBeUndefined();
});

test("a trunk is known by its source address, whatever hosts it names", () => {
  const find = directory({ ...both, trunks: [trunk("198.51.100.9", "two")] });
  expect(find("198.51.100.9", "one.test")).toBe("two");
  expect(find("198.51.100.8", "one.test")).toBe("one");
});

test("a trunk of a tenant without a domain is nobody's", () => {
  const find = directory({ ...one, trunks: [trunk("198.51.100.9", "gone")] });
  expect(find("198.51.100.9", "nobody.test")).toBeUndefined();
});

test("the edge's own hosts mean the only tenant, and none of several", () => {
  expect(directory(one)("198.51.100.1", "192.0.2.1")).toBe("one");
  expect(directory(one)("198.51.100.1", "LOCALHOST")).toBe("one");
  expect(directory(both)("198.51.100.1", "192.0.2.1")).toBeUndefined();
  expect(directory()("198.51.100.1", "192.0.2.1")).toBeUndefined();
});

test("an update replaces all, an older one nothing", () => {
  const made = Directory.make(new Set());
  made.update({ version: 2, domains: [domain("new.test", "new")], trunks: [] });
  made.update({ version: 1, domains: [domain("old.test", "old")], trunks: [] });
  expect(made.find("", ["old.test"])).toBeUndefined();
  made.update({ version: 3, domains: [domain("newer.test", "newer")], trunks: [] });
  expect(made.find("", ["new.test"])).toBeUndefined();
  expect(made.find("", ["newer.test"])?.tenant).toBe("newer");
});
