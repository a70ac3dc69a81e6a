/**
 * RTP packets (RFC 3550 section 5.1) as a view over octets: no object for a packet. `length` is
 * that of the packet; the array may be longer (a receive buffer).
 */

export const headerSize = 12;

/** Why octets are no RTP packet; null when they are one. */
export type Fault = "short" | "version" | "csrc" | "extension" | "padding";

const octet = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const word = (bytes: Uint8Array, at: number): number =>
  octet(bytes, at) << 8 | octet(bytes, at + 1);

const hasExtension = (bytes: Uint8Array): boolean => (octet(bytes, 0) & 0x10) !== 0;
const hasPadding = (bytes: Uint8Array): boolean => (octet(bytes, 0) & 0x20) !== 0;
const sources = (bytes: Uint8Array): number => octet(bytes, 0) & 0x0f;

export const payloadType = (bytes: Uint8Array): number => octet(bytes, 1) & 0x7f;
export const marker = (bytes: Uint8Array): boolean => octet(bytes, 1) >= 0x80;
export const sequence = (bytes: Uint8Array): number => word(bytes, 2);
export const timestamp = (bytes: Uint8Array): number =>
  (word(bytes, 4) << 16 | word(bytes, 6)) >>> 0;
export const ssrc = (bytes: Uint8Array): number => (word(bytes, 8) << 16 | word(bytes, 10)) >>> 0;

/** Octets before the payload: fixed header, CSRCs and extension. Only for a valid packet. */
export const payloadOffset = (bytes: Uint8Array): number => {
  const fixed = headerSize + 4 * sources(bytes);
  return hasExtension(bytes) ? fixed + 4 + 4 * word(bytes, fixed + 2) : fixed;
};

/** Octets of payload, without padding. Only for a valid packet. */
export const payloadLength = (bytes: Uint8Array, length: number): number =>
  length - payloadOffset(bytes) - (hasPadding(bytes) ? octet(bytes, length - 1) : 0);

/** Checks version, and that CSRCs, extension and padding fit (RFC 3550 appendix A.1). */
export const fault = (bytes: Uint8Array, length: number): Fault | null => {
  if (length < headerSize) return "short";
  if (octet(bytes, 0) >> 6 !== 2) return "version";
  const fixed = headerSize + 4 * sources(bytes);
  if (fixed > length) return "csrc";
  if (hasExtension(bytes) && (fixed + 4 > length || payloadOffset(bytes) > length)) {
    return "extension";
  }
  if (!hasPadding(bytes)) return null;
  const padding = octet(bytes, length - 1);
  return padding === 0 || payloadOffset(bytes) + padding > length ? "padding" : null;
};

/** Writes a header of 12 octets: no CSRC, extension or padding. */
export const write = (
  bytes: Uint8Array,
  type: number,
  marked: boolean,
  sequenceNumber: number,
  time: number,
  source: number,
): void => {
  bytes[0] = 0x80;
  bytes[1] = (marked ? 0x80 : 0) | (type & 0x7f);
  bytes[2] = sequenceNumber >>> 8;
  bytes[3] = sequenceNumber;
  bytes[4] = time >>> 24;
  bytes[5] = time >>> 16;
  bytes[6] = time >>> 8;
  bytes[7] = time;
  writeSsrc(bytes, source);
};

/** Replaces the synchronisation source of a packet in place. */
export const writeSsrc = (bytes: Uint8Array, source: number): void => {
  bytes[8] = source >>> 24;
  bytes[9] = source >>> 16;
  bytes[10] = source >>> 8;
  bytes[11] = source;
};
