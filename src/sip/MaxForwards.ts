/** Max-Forwards (RFC 3261 sections 16.3 and 20.22; RFC 7332 for a B2BUA). */

/** What we send when the request had none (section 8.1.1.6). */
export const initial = 70;

/**
 * The number that the request on the other leg carries: copied and decremented, so that a loop
 * through us ends. `undefined`: there is none left, answer 483.
 */
export const next = (received: number | undefined): number | undefined =>
  received === undefined ? initial : received > 0 ? received - 1 : undefined;
