/** Directory files in the format that `--directory` and `apply` take. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as Folders from "./Folders.ts";

export interface User {
  readonly extension: string;
  readonly name: string;
  readonly secret: string;
}

export interface Trunk {
  readonly id: string;
  readonly address: string;
  readonly transport: "udp" | "tcp" | "tls";
  readonly inbound: boolean;
  readonly username?: string;
  readonly secret?: string;
}

export interface Tenant {
  readonly id: string;
  readonly domain: string;
  readonly exceptions: ReadonlyArray<string>;
  readonly mediaNetworks: ReadonlyArray<string>;
  readonly limits?: { readonly ringSeconds?: number; readonly maxCallSeconds?: number };
  readonly users: ReadonlyArray<User>;
  readonly trunks: ReadonlyArray<Trunk>;
  readonly routes: ReadonlyArray<{ readonly match: string; readonly trunk: string }>;
}

export interface Directory {
  readonly tenants: ReadonlyArray<Tenant>;
}

export const domain = "demo.test";

/** What plain phones need: no TLS, no SRTP, MD5 as the one challenge. */
export const plain = ["plainMedia", "plainSignalling", "md5Digest"];

export const secretOf = (extension: string): string => `secret-of-${extension}`;

export const users = (first: number, count: number): ReadonlyArray<User> =>
  Array.from({ length: count }, (_, index) => {
    const extension = String(first + index);
    return { extension, name: `User ${extension}`, secret: secretOf(extension) };
  });

/** The tenant `demo`: users 1001 to 1020, no trunks; any field can be another. */
export const demo = (other: Partial<Tenant> = {}): Directory => ({
  tenants: [{
    id: "demo",
    domain,
    exceptions: plain,
    mediaNetworks: ["127.0.0.0/8"],
    users: users(1001, 20),
    trunks: [],
    routes: [],
    ...other,
  }],
});

/** The path of a new file that holds it. */
export const write = (directory: unknown): string => {
  const file = join(Folders.make("directory"), "directory.json");
  writeFileSync(file, JSON.stringify(directory, undefined, 1));
  return file;
};
