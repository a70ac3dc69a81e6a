/**
 * Is a digest answer right? Decided where the credentials are, so that no secret reaches an edge.
 * Known and unknown users take the same way, at the same cost, to the same answer.
 */
import type { Reply } from "../../schemas/Reply.ts";
import type { RequestIdentity } from "../../schemas/Sip.ts";
import type { Policy } from "../../schemas/Tenant.ts";
import type { Algorithm, Ha1 } from "../../schemas/User.ts";
import * as Digest from "../sip/Digest.ts";
import * as Nonce from "./Nonce.ts";

export interface Secrets {
  readonly key: Uint8Array;
  readonly counts: Nonce.Counts;
  readonly random: (size: number) => Uint8Array;
}

/** Stands in for the credentials of a user that does not exist: as long as real ones. */
const decoys = { "MD5": "0".repeat(32), "SHA-256": "0".repeat(64), "SHA-512-256": "0".repeat(64) };

/**
 * RFC 8760: the strongest first, and never MD5; with the tenant's exception exactly one challenge,
 * MD5, because common phones fail on any other.
 */
export const algorithmsOf = (
  { exceptions }: Pick<Policy, "exceptions">,
): ReadonlyArray<Algorithm> =>
  exceptions.includes("md5Digest") ? ["MD5"] : ["SHA-512-256", "SHA-256"];

/** Undefined when the answer is right; else what to reply. */
export const refusalOf = (
  secrets: Secrets,
  context: { readonly at: number; readonly binding: Nonce.Binding; readonly policy: Policy },
  ha1: ReadonlyArray<Ha1>,
  identity: RequestIdentity,
): Reply | null => {
  const { at, binding, policy } = context;
  const challenge = (stale: boolean): Reply => ({
    _tag: "Challenged",
    realm: policy.domain,
    nonce: Nonce.mint(secrets.key, binding, at, secrets.random(6)),
    algorithms: algorithmsOf(policy),
    stale,
  });
  const { digest } = identity;
  if (digest === null || digest.realm !== policy.domain) return challenge(false);
  if (!algorithmsOf(policy).includes(digest.algorithm)) return challenge(false);
  const nonce = Nonce.verify(secrets.key, binding, at, digest.nonce);
  const known = ha1.find(({ algorithm }) => algorithm === digest.algorithm);
  const right = Digest.verify(digest, known?.value ?? decoys[digest.algorithm], identity.method);
  if (nonce === "forged" || !right || known === undefined) return challenge(false);
  // The secret is right but the nonce is old or its count was used: the phone may try at once.
  if (nonce === "stale" || !secrets.counts.use(digest.nonce, digest.nc, at)) return challenge(true);
  return null;
};

/** Signalling in clear needs the tenant's exception. */
export const isTooPlain = ({ source }: RequestIdentity, { exceptions }: Policy): boolean =>
  (source.transport === "udp" || source.transport === "tcp") &&
  !exceptions.includes("plainSignalling");
