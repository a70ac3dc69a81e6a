/** What a start prints once it serves: where it listens, which exceptions hold, what to try. */
import type { Change, Directory } from "../../schemas/Directory.ts";
import type { TenantId } from "../../schemas/Ids.ts";
import type { Transport } from "../../schemas/Sip.ts";
import type { TenantFacts } from "../../schemas/Tenant.ts";

export interface Facts {
  readonly version: string;
  readonly bind: string;
  readonly ports: Readonly<Record<Transport | "https", number>>;
  readonly rtp: { readonly first: number; readonly last: number };
  /** Data folder, and what commands need to find it: "" or ` --data DIR`. */
  readonly data: string;
  readonly dataFlag: string;
  /** What applying the directory changed. */
  readonly changes: ReadonlyArray<Change>;
  readonly tenants: ReadonlyArray<readonly [TenantId, TenantFacts | null]>;
  /** Null when a directory was given. */
  readonly demo: Directory | null;
}

/** A terminal shows so many lines of a list at once. */
const mostLines = 20;

const some = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length <= mostLines
    ? lines
    : [...lines.slice(0, mostLines), `... and ${lines.length - mostLines} more`];

export const text = (facts: Facts): string =>
  [...places(facts), ...directory(facts), ...exceptions(facts), ...demo(facts)].join("\n");

const places = ({ bind, data, ports, rtp, version }: Facts): ReadonlyArray<string> => [
  `Tandem ${version} listens on ${bind}`,
  `  SIP    ${ports.udp} (UDP, TCP)  ${ports.tls} (TLS)  ${ports.wss} (secure WebSockets)`,
  `  media  ${rtp.first}-${rtp.last} (UDP)`,
  `  HTTPS  ${ports.https} (GET /health)`,
  `  data   ${data}`,
];

const directory = ({ changes }: Facts): ReadonlyArray<string> => {
  const made = changes.filter(({ action }) => action !== "keep").length;
  const kept = changes.filter(({ action }) => action === "keep")
    .map(({ tenant, what }) => what === `tenant ${tenant}` ? what : `${what} of tenant ${tenant}`);
  return [
    ...(made === 0 ? [] : [`Directory: ${made} ${made === 1 ? "change" : "changes"} applied`]),
    ...some(kept.map((what) => `Kept, though the directory does not name it: ${what}`)),
  ];
};

/** Named at every start: nobody may forget what they granted. */
const exceptions = ({ tenants }: Facts): ReadonlyArray<string> =>
  some(
    tenants.flatMap(([tenant, facts]) =>
      facts === null || facts.exceptions.length === 0
        ? []
        : [`Exceptions of tenant ${tenant}: ${facts.exceptions.join(", ")}`]
    ),
  );

const demo = ({ bind, dataFlag, demo, ports }: Facts): ReadonlyArray<string> => {
  if (demo === null) return [];
  const host = bind.includes(":") ? `[${bind}]` : bind;
  const loopback = bind.startsWith("127.") || bind === "::1";
  const { users = [] } = demo.tenants[0]!;
  return [
    "",
    "Two phones to try with, in any softphone" +
    (loopback ? " on this machine (for phones elsewhere start with --bind IP)" : ""),
    ...users.map(({ extension, name, secret }) =>
      [`  server ${host}:${ports.udp}`, "transport UDP", `user ${extension}`, `password ${secret}`]
        .concat(`(${name})`).join("  ")
    ),
    "",
    "Dial 1002 from 1001. With one phone alone: *43 is an echo, *44 a tone.",
    `Then look: npm run -s tandem -- cdr${dataFlag}`,
    "Ctrl-C stops it.",
  ];
};
