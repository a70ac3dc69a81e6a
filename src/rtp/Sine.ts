/** A sine in G.711 at 8,000 Hz. One period of samples is made once; frames are copies of it. */
import * as G711 from "./G711.ts";

const sampleRate = 8_000;
/** Samples, and octets, of 20 ms. */
export const frameSize = 160;

/** Encoded samples of whole periods; a frame starts anywhere in it and wraps. */
export type Wave = Uint8Array;

const divisor = (a: number, b: number): number => b === 0 ? a : divisor(b, a % b);

/** The wave of `hz` (an integer of 1 ... 4000); `amplitude` of 0 ... 1 is of full scale. */
export const wave = (hz: number, law: G711.Law, amplitude = 0.25): Wave =>
  Uint8Array.from(
    { length: sampleRate / divisor(sampleRate, hz) },
    (_, at) =>
      G711.encode(
        law,
        Math.round(32_767 * amplitude * Math.sin(2 * Math.PI * hz * at / sampleRate)),
      ),
  );

/** Fills 20 ms from `position` into `out` at `offset`; gives the position of the next frame. */
export const fill = (one: Wave, position: number, out: Uint8Array, offset: number): number => {
  let at = position % one.length;
  for (let i = 0; i < frameSize; i++) {
    out[offset + i] = one[at] ?? 0;
    at = at + 1 === one.length ? 0 : at + 1;
  }
  return at;
};
