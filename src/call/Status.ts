/** How refusals become causes, and which of several refusals the caller hears. */
import type { Cause } from "../../schemas/Party.ts";
import type { Refusal } from "./State.ts";

const causes: Readonly<Record<number, Cause>> = {
  403: "declined",
  404: "notFound",
  408: "unreachable",
  410: "notFound",
  415: "notAcceptable",
  430: "unreachable",
  480: "unreachable",
  484: "notFound",
  486: "busy",
  488: "notAcceptable",
  600: "busy",
  603: "declined",
  604: "notFound",
  606: "notAcceptable",
  607: "declined",
};

export const causeOf = (status: number): Cause => causes[status] ?? "failed";

/**
 * The status that the caller gets for a callee's. Challenges and redirections of a callee mean
 * nothing to the caller, 503 would say that we ourselves are overloaded (RFC 3261 16.7), and a
 * time-out or a lost flow is an unreachable phone.
 */
export const towardsCaller = (status: number): number => {
  if (status === 401 || status === 407) return 502;
  if (status < 400 || status === 408 || status === 430 || status === 481) return 480;
  return status === 503 ? 500 : status;
};

/**
 * Lower is better: a 6xx, else the lowest class (RFC 3261 16.7 step 6), and of the 4xx those that
 * tell a caller most. Challenges mean nothing to it.
 */
const rank = (status: number): number => {
  if (status >= 600) return 0;
  if (status === 486) return 1;
  if (status === 401 || status === 407) return 5;
  if (towardsCaller(status) === 480) return 3;
  return status < 500 ? 2 : 4;
};

export const best = (refusals: ReadonlyArray<Refusal>): Refusal =>
  refusals.reduce(
    (least, refusal) => rank(refusal.status) < rank(least.status) ? refusal : least,
    refusals[0] ?? { leg: 0, status: 480 },
  );
