/**
 * The demo: a tenant with two phones, its exceptions named, its secrets made at the first start.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Directory } from "../../schemas/Directory.ts";
import type { Environment } from "../kernel/Environment.ts";
import * as Text from "../kernel/Text.ts";

const letters = "abcdefghjkmnpqrstuvwxyz23456789";

/** 12 characters that can be read aloud: 59 bits. */
const secret = (environment: Environment): string =>
  Array.from(environment.random(12), (octet) => letters[octet % letters.length]!).join("");

const networkOf = (bind: string): string =>
  bind.startsWith("127.") ? "127.0.0.0/8" : bind.includes(":") ? `${bind}/128` : `${bind}/24`;

/** The directory of the demo, with the secrets of its first start. */
export const directory = (
  file: string,
  bind: string,
  environment: Environment,
): Directory => {
  const stored = existsSync(file)
    ? JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, string>>
    : { "1001": secret(environment), "1002": secret(environment) };
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(stored), { mode: 0o600 });
  return {
    tenants: [{
      id: "demo",
      domain: Text.hostOf(bind),
      exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
      mediaNetworks: [networkOf(bind)],
      users: [
        { extension: "1001", name: "Ada", secret: stored["1001"] ?? secret(environment) },
        { extension: "1002", name: "Grace", secret: stored["1002"] ?? secret(environment) },
      ],
    }],
  };
};
