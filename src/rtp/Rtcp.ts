/** Compound RTCP packets (RFC 3550 section 6, RFC 5506), as a view over octets. */

/** Why octets are no RTCP packet; null when they are one. */
export type Fault = "short" | "version" | "type" | "length" | "padding";

const octet = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;

/** Packet types 192 to 223, by which RTCP is told from RTP on one port (RFC 5761 section 4). */
export const isRtcp = (bytes: Uint8Array, length: number): boolean => {
  const type = octet(bytes, 1);
  return length >= 4 && octet(bytes, 0) >> 6 === 2 && type >= 192 && type <= 223;
};

export const packetType = (bytes: Uint8Array): number => octet(bytes, 1);

/**
 * Checks the first header, and that the packets' lengths fill the datagram exactly (RFC 3550
 * appendix A.2). A first packet other than SR or RR is allowed (RFC 5506), one without an SSRC is
 * not: nothing that is relayed is shorter than 8 octets.
 */
export const fault = (bytes: Uint8Array, length: number): Fault | null => {
  if (length < 8) return "short";
  for (let at = 0; at < length;) {
    if (at + 4 > length) return "length";
    const first = octet(bytes, at);
    if (first >> 6 !== 2) return "version";
    const type = octet(bytes, at + 1);
    if (type < 192 || type > 223) return "type";
    const next = at + 4 + 4 * (octet(bytes, at + 2) << 8 | octet(bytes, at + 3));
    if (next > length || (at === 0 && next < 8)) return "length";
    // Only the last packet may be padded.
    if ((first & 0x20) !== 0 && next !== length) return "padding";
    at = next;
  }
  return null;
};
