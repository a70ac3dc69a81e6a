/** Digest answers of a test peer (RFC 7616 with qop=auth), MD5 and the RFC 8760 algorithms. */
import { createHash } from "node:crypto";

export interface Challenge {
  readonly header: "Authorization" | "Proxy-Authorization";
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: string;
  readonly opaque: string | undefined;
  readonly qop: boolean;
  readonly stale: boolean;
}

const hashes: Readonly<Record<string, string>> = {
  "MD5": "md5",
  "SHA-256": "sha256",
  "SHA-512-256": "sha512-256",
};

/** `Digest realm="x", nonce="y"` as a challenge. */
export const parse = (value: string, header: Challenge["header"]): Challenge => {
  const field = (name: string): string | undefined => {
    const found = new RegExp(`(?:^|[\\s,])${name}=(?:"([^"]*)"|([^,\\s]+))`, "i").exec(value);
    return found?.[1] ?? found?.[2];
  };
  return {
    header,
    realm: field("realm") ?? "",
    nonce: field("nonce") ?? "",
    algorithm: (field("algorithm") ?? "MD5").toUpperCase(),
    opaque: field("opaque"),
    qop: /\bauth\b/.test(field("qop") ?? ""),
    stale: /^true$/i.test(field("stale") ?? ""),
  };
};

export interface Credentials {
  readonly username: string;
  readonly secret: string;
}

export interface Answer {
  readonly method: string;
  readonly uri: string;
  readonly nc?: number;
  readonly cnonce?: string;
}

/** The value of the Authorization header. */
export const answer = (challenge: Challenge, who: Credentials, to: Answer): string => {
  const name = hashes[challenge.algorithm];
  if (name === undefined) throw new Error(`no digest algorithm ${challenge.algorithm}`);
  const hash = (text: string) => createHash(name).update(text, "latin1").digest("hex");
  const nc = (to.nc ?? 1).toString(16).padStart(8, "0");
  const cnonce = to.cnonce ?? "0a4f113b";
  const secret = hash(`${who.username}:${challenge.realm}:${who.secret}`);
  const request = hash(`${to.method}:${to.uri}`);
  const response = challenge.qop
    ? hash([secret, challenge.nonce, nc, cnonce, "auth", request].join(":"))
    : hash([secret, challenge.nonce, request].join(":"));
  return [
    `Digest username="${who.username}"`,
    `realm="${challenge.realm}"`,
    `nonce="${challenge.nonce}"`,
    `uri="${to.uri}"`,
    `response="${response}"`,
    `algorithm=${challenge.algorithm}`,
    ...(challenge.opaque === undefined ? [] : [`opaque="${challenge.opaque}"`]),
    ...(challenge.qop ? [`qop=auth`, `nc=${nc}`, `cnonce="${cnonce}"`] : []),
  ].join(", ");
};
