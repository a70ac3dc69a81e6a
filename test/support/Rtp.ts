/** RTP of a test peer: G.711 mu-law tones out, arrival times and samples in. */
import { createSocket, type Socket } from "node:dgram";
import type { Address } from "./SipMessage.ts";

export interface Packet {
  readonly atMs: number;
  readonly sequence: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
  readonly from: Address;
}

export interface Rtp {
  readonly local: Address;
  readonly received: ReadonlyArray<Packet>;
  /** Sends a tone in real time until `stop` is called. */
  readonly play: (to: Address, hz: number) => { readonly stop: () => void };
  readonly send: (bytes: Uint8Array, to: Address) => void;
  readonly close: () => Promise<void>;
}

const frameMs = 20;
const rate = 8_000;
const frame = rate * frameMs / 1000;

export const open = (ip: string, port: number): Promise<Rtp> => {
  const socket = createSocket("udp4");
  const received: Array<Packet> = [];
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (bytes, peer) => {
      const packet = parse(bytes, { ip: peer.address, port: peer.port });
      if (packet !== undefined) received.push(packet);
    });
    socket.bind(port, ip, () =>
      resolve({
        local: { ip, port: socket.address().port },
        received,
        play: (to, hz) => play(socket, to, hz),
        send: (bytes, to) => socket.send(bytes, to.port, to.ip),
        close: () => new Promise((closed) => socket.close(() => closed())),
      }));
  });
};

const parse = (bytes: Uint8Array, from: Address): Packet | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint8(0) >> 6 !== 2) return undefined;
  return {
    atMs: performance.now(),
    sequence: view.getUint16(2),
    ssrc: view.getUint32(8),
    payload: bytes.slice(12),
    from,
  };
};

export const packet = (sequence: number, ssrc: number, payload: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(12 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, 0); // PCMU
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, sequence * frame >>> 0);
  view.setUint32(8, ssrc);
  bytes.set(payload, 12);
  return bytes;
};

const play = (socket: Socket, to: Address, hz: number) => {
  const ssrc = Math.floor(Math.random() * 0xffff_ffff);
  const startedAt = performance.now();
  let sent = 0;
  // A timer may fire late; what is due is counted from the start, so that none is missing.
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - startedAt) / frameMs) + 1;
    for (; sent < due; sent += 1) {
      const payload = Uint8Array.from({ length: frame }, (_, index) => {
        const phase = 2 * Math.PI * hz * (sent * frame + index) / rate;
        return encode(0.5 * Math.sin(phase));
      });
      socket.send(packet(sent, ssrc, payload), to.port, to.ip);
    }
  }, frameMs / 2);
  return { stop: () => clearInterval(timer) };
};

const bias = 0x84;

/** ITU-T G.711 mu-law of a sample whose full scale is 1. */
export const encode = (sample: number): number => {
  const linear = Math.round(Math.max(-1, Math.min(1, sample)) * 32_635);
  const sign = linear < 0 ? 0x80 : 0;
  const magnitude = Math.abs(linear) + bias;
  let exponent = 7;
  while (exponent > 0 && (magnitude & (1 << (exponent + 7))) === 0) exponent -= 1;
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
};

export const decode = (byte: number): number => {
  const flipped = ~byte & 0xff;
  const exponent = (flipped >> 4) & 0x07;
  const magnitude = ((((flipped & 0x0f) << 3) + bias) << exponent) - bias;
  return ((flipped & 0x80) === 0 ? magnitude : -magnitude) / 32_768;
};

/** The samples of the packets in their order of sequence; nothing stands in for a lost one. */
export const samples = (packets: ReadonlyArray<Packet>): Float32Array => {
  const sorted = [...packets].sort((a, b) => a.sequence - b.sequence);
  return Float32Array.from(sorted.flatMap((one) => Array.from(one.payload, decode)));
};

/** The longest time between two packets that follow each other. */
export const longestGapMs = (packets: ReadonlyArray<Packet>): number =>
  packets.reduce((longest, one, index) => {
    const next = packets[index + 1];
    return next === undefined ? longest : Math.max(longest, next.atMs - one.atMs);
  }, 0);
