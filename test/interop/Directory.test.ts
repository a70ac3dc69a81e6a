/** Directory files: applied as a whole or refused as a whole, with the path of what is wrong. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";

const tenant = Directory.demo().tenants[0];

/** One wrong field each, and the path that the refusal must name. */
const wrong: Readonly<Record<string, readonly [path: string, tenant: unknown]>> = {
  "a secret that is a number": [
    "tenants[0].users[1].secret",
    { ...tenant, users: [Directory.users(1, 1)[0], { extension: "2", name: "x", secret: 5 }] },
  ],
  "an unknown exception": ["tenants[0].exceptions[1]", {
    ...tenant,
    exceptions: ["plainMedia", "noSuchThing"],
  }],
  "no domain": ["tenants[0].domain", { ...tenant, domain: undefined }],
  "a field that nobody knows": ["tenants[0].colour", { ...tenant, colour: "red" }],
  "a network that is none": ["tenants[0].mediaNetworks[0]", {
    ...tenant,
    mediaNetworks: ["127.0.0.0/99"],
  }],
  "an extension twice": ["tenants[0].users[1].extension", {
    ...tenant,
    users: [...Directory.users(1, 1), ...Directory.users(1, 1)],
  }],
  "a route to no trunk": ["tenants[0].routes[0].trunk", {
    ...tenant,
    routes: [{ match: "0*", trunk: "none" }],
  }],
  "a plain trunk without the exception": ["tenants[0].trunks[0].transport", {
    ...tenant,
    exceptions: ["plainMedia"],
    trunks: [{ id: "a", address: "127.0.0.9:5060", inbound: true }],
  }],
  "a trunk without a port": ["tenants[0].trunks[0].address", {
    ...tenant,
    trunks: [{ id: "a", address: "127.0.0.9", transport: "udp", inbound: true }],
  }],
};

Need.suite("directory", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test.for(Object.keys(wrong))("%s: refused whole, with the path", async (what) => {
    const [path, broken] = wrong[what] ?? ["", undefined];
    const better = Directory.demo({ id: "other", domain: "other.test" }).tenants[0];
    const file = Directory.write({ tenants: [broken, better] });
    const applied = await engine().cli("apply", file);
    expect(applied.code).not.toBe(0);
    expect(applied.output).toContain(path);
    Engine.isReadable(applied);
    const started = await Engine.refused({ directory: file });
    expect(started.code).not.toBe(0);
    expect(started.output).toContain(path);
    Engine.isReadable(started);
    // Whole: nothing of the other tenant in the same file was taken.
    const shown = await engine().cli("apply", Directory.write(Directory.demo()));
    expect(shown.code, shown.output).toBe(0);
    expect(shown.output).not.toContain("other.test");
  });

  test("a file that is no JSON is named", async () => {
    const file = join(Folders.make("directory"), "broken.json");
    writeFileSync(file, "{");
    const applied = await engine().cli("apply", file);
    expect(applied.code).not.toBe(0);
    expect(applied.output).toContain(file);
    Engine.isReadable(applied);
  });

  test("applied twice it changes nothing the second time", async () => {
    const file = Directory.write(Directory.demo({ users: Directory.users(1001, 25) }));
    expect((await engine().cli("apply", file)).code).toBe(0);
    const phone = await Scene.registered(engine(), "1025");
    await phone.close();
    const second = await engine().cli("apply", file);
    expect(second.code).toBe(0);
    expect(second.output).toMatch(/no change|nothing to change|unchanged/i);
  });

  test("20,000 users are applied in under 10 s, while calls go on", async () => {
    const users = [...Directory.users(1001, 25), ...Directory.users(100_000, 20_000)];
    const file = Directory.write(Directory.demo({ users }));
    const startedAt = performance.now();
    const applied = await engine().cli("apply", file);
    expect(applied.code, applied.output).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const last = await Scene.registered(engine(), "119999");
    await last.close();
    await Scene.goodCall(engine());
  });
});
