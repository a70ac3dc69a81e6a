/** What `tandem doctor` looks at. */
import { existsSync, statSync } from "node:fs";
import { Effect } from "effect";
import type { BindingRow, Check } from "../../schemas/rpc/Rows.ts";
import type { TenantFacts } from "../../schemas/Tenant.ts";
import type { Counters } from "../telemetry/Counters.ts";
import { pathsOf } from "./DataFolder.ts";

const check = (name: string, verdict: Check["verdict"], detail: string): Check => ({
  name,
  verdict,
  detail,
});

const privately = (name: string, path: string): Check => {
  if (!existsSync(path)) return check(name, "warning", `${path} does not exist yet`);
  const open = statSync(path).mode & 0o077;
  return open === 0
    ? check(name, "good", `${path} is readable by its owner alone`)
    : check(name, "bad", `${path} can be read by others: chmod go= ${path}`);
};

/** Without a running Tandem: the runtime, and the data folder from outside. */
export const atRest = (data: string): Effect.Effect<ReadonlyArray<Check>> =>
  Effect.sync(() => {
    const paths = pathsOf(data);
    const runtime = "Deno" in globalThis
      ? `Deno ${Deno.version.deno}`
      : `Node ${process.versions.node}`;
    return [
      check("runtime", "good", runtime),
      privately("data folder", paths.path),
      privately("key ring", `${paths.keys}/master.key`),
    ];
  });

const exceptionsOf = (tenant: string, facts: TenantFacts | null): Check =>
  facts === null || facts.exceptions.length === 0
    ? check(`tenant ${tenant}`, "good", "secure by default, no exceptions")
    : check(
      `tenant ${tenant}`,
      "warning",
      `has the exceptions ${facts.exceptions.join(", ")}: calls can be heard and forged ` +
        "on the way",
    );

export interface Running {
  readonly tenants: ReadonlyArray<readonly [string, TenantFacts | null]>;
  readonly bindings: ReadonlyArray<BindingRow>;
  readonly counters: Counters;
  readonly listening: string;
}

/** Of a running one. */
export const running = (
  { bindings, counters, listening, tenants }: Running,
): ReadonlyArray<Check> => {
  const value = (name: string): number =>
    counters.snapshot().filter((row) => row.name === name)
      .reduce((sum, row) => sum + row.value, 0);
  const parked = value("actor_parked_total");
  const behind = value("projection_failures_total");
  const phones = new Set(bindings.map(({ extension, tenant }) => `${tenant} ${extension}`)).size;
  return [
    check("listening", "good", listening),
    check("phones", "good", `${bindings.length} contacts of ${phones} users are registered`),
    parked === 0
      ? check("actors", "good", "none is parked")
      : check("actors", "bad", `${parked} were parked by a defect: see the log, and report it`),
    behind === 0
      ? check("projections", "good", "written without failures")
      : check("projections", "warning", `${behind} writes failed and were repeated`),
    ...tenants.map(([tenant, facts]) => exceptionsOf(tenant, facts)),
  ];
};
