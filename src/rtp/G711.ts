/** G.711: 16-bit linear samples to and from PCMU (mu-law) and PCMA (A-law). */

/** RTP payload type of the law (RFC 3551): 0 = PCMU, 8 = PCMA. */
export type Law = 0 | 8;

const bias = 132;
const clip = 32_635;

/** One linear sample (-32768 ... 32767) as PCMU. */
const encodeMu = (sample: number): number => {
  const sign = sample < 0 ? 0x80 : 0;
  const biased = Math.min(sample < 0 ? -sample : sample, clip) + bias;
  const exponent = 24 - Math.clz32(biased);
  return ~(sign | (exponent << 4) | ((biased >> (exponent + 3)) & 0x0f)) & 0xff;
};

/** One linear sample (-32768 ... 32767) as PCMA. */
const encodeA = (sample: number): number => {
  // Negative samples mirror with one's complement: -1 is the twin of 0.
  const magnitude = (sample < 0 ? ~sample : sample) >> 4;
  const exponent = Math.max(0, 28 - Math.clz32(magnitude));
  const mantissa = (exponent < 2 ? magnitude : magnitude >> (exponent - 1)) & 0x0f;
  return ((exponent << 4) | mantissa) ^ (sample < 0 ? 0x55 : 0xd5);
};

const muSample = (code: number): number => {
  const inverted = ~code & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + bias << ((inverted >> 4) & 7)) - bias;
  return inverted >= 0x80 ? -magnitude : magnitude;
};

const aSample = (code: number): number => {
  const even = code ^ 0x55;
  const exponent = (even >> 4) & 7;
  const low = ((even & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? low : (low + 256) << (exponent - 1);
  return even >= 0x80 ? magnitude : -magnitude;
};

const table = (sample: (code: number) => number): Int16Array =>
  Int16Array.from({ length: 256 }, (_, code) => sample(code));

/** Linear sample of each code. */
const muSamples: Int16Array = table(muSample);
const aSamples: Int16Array = table(aSample);

export const encode = (law: Law, sample: number): number =>
  law === 0 ? encodeMu(sample) : encodeA(sample);

export const decode = (law: Law, code: number): number =>
  (law === 0 ? muSamples : aSamples)[code] ?? 0;
