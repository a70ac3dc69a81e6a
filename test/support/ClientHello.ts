/** A TLS ClientHello by hand (RFC 5246 section 7.4.1.2): what no TLS library of today would say. */
import { connect } from "node:net";
import type { Address } from "./SipMessage.ts";
import { within } from "./Until.ts";

export interface Hello {
  /** 0x0301 is TLS 1.0, 0x0303 TLS 1.2. */
  readonly version: number;
  readonly ciphers: ReadonlyArray<number>;
}

const u16 = (value: number): ReadonlyArray<number> => [value >> 8, value & 255];

const sized = (octets: ReadonlyArray<number>, width: 1 | 2): ReadonlyArray<number> =>
  width === 1 ? [octets.length, ...octets] : [...u16(octets.length), ...octets];

const extension = (type: number, data: ReadonlyArray<number>): ReadonlyArray<number> => [
  ...u16(type),
  ...sized(data, 2),
];

export const build = ({ ciphers, version }: Hello): Uint8Array => {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(32)));
  const extensions = [
    // supported_groups: x25519 and P-256; ec_point_formats: uncompressed.
    ...extension(10, sized([...u16(29), ...u16(23)], 2)),
    ...extension(11, sized([0], 1)),
    // signature_algorithms: ECDSA and RSA with SHA-256.
    ...extension(13, sized([...u16(0x0403), ...u16(0x0804), ...u16(0x0401)], 2)),
    // extended_master_secret
    ...extension(23, []),
  ];
  const body = [
    ...u16(version),
    ...random,
    ...sized([], 1),
    ...sized(ciphers.flatMap(u16), 2),
    ...sized([0], 1),
    ...sized(extensions, 2),
  ];
  const handshake = [1, 0, ...u16(body.length), ...body];
  return Uint8Array.from([22, ...u16(0x0301), ...sized(handshake, 2)]);
};

/** `refused` with the alert's description (RFC 5246 section 7.2), or the cipher that was chosen. */
export type Answer =
  | { readonly kind: "refused"; readonly alert: number }
  | { readonly kind: "chosen"; readonly cipher: number };

const serverHello = 2;
const answerMs = 5_000;

const read = (octets: Uint8Array): Answer | undefined => {
  if (octets.length >= 7 && octets[0] === 21) return { kind: "refused", alert: octets[6] ?? 0 };
  if (octets.length < 46 || octets[0] !== 22 || octets[5] !== serverHello) return undefined;
  const at = 44 + (octets[43] ?? 0);
  const [high, low] = [octets[at], octets[at + 1]];
  return high === undefined || low === undefined
    ? undefined
    : { kind: "chosen", cipher: high * 256 + low };
};

/** What a listener says to it. */
export const ask = (to: Address, hello: Hello): Promise<Answer> => {
  const socket = connect(to.port, to.ip);
  let received = new Uint8Array(0);
  const answered = new Promise<Answer>((resolve, reject) => {
    socket.once("connect", () => socket.write(build(hello)));
    socket.on("data", (chunk: Uint8Array) => {
      received = Uint8Array.from([...received, ...chunk]);
      const answer = read(received);
      if (answer !== undefined) resolve(answer);
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without an alert")));
  });
  return within("an answer to a ClientHello", answered, answerMs).finally(() => socket.destroy());
};
