/** Mono 16-bit PCM files, as baresip reads and writes them. */
import { readFileSync, writeFileSync } from "node:fs";

export interface Audio {
  readonly rate: number;
  /** Full scale is 1. */
  readonly samples: Float32Array;
}

export const sine = (hz: number, seconds: number, rate = 8_000, level = 0.5): Audio => ({
  rate,
  samples: Float32Array.from(
    { length: rate * seconds },
    (_, index) => level * Math.sin(2 * Math.PI * hz * index / rate),
  ),
});

export const write = (file: string, { rate, samples }: Audio): void => {
  const bytes = new Uint8Array(44 + samples.length * 2);
  const view = new DataView(bytes.buffer);
  const ascii = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  ascii(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => view.setInt16(44 + index * 2, sample * 32_767, true));
  writeFileSync(file, bytes);
};

/** A file that is still written, or whose writer died, has no length in its header: the file's. */
export const read = (file: string): Audio => {
  const bytes = readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [at, rate] = [12, 0];
  while (at + 8 <= bytes.length) {
    const name = new TextDecoder().decode(bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    if (name === "fmt ") {
      rate = view.getUint32(at + 12, true);
      const [channels, bits] = [view.getUint16(at + 10, true), view.getUint16(at + 22, true)];
      if (channels !== 1 || bits !== 16) throw new Error(`${file}: not mono 16 bit`);
    }
    if (name === "data") {
      const end = size === 0 ? bytes.length : Math.min(bytes.length, at + 8 + size);
      const length = Math.floor((end - at - 8) / 2);
      const sample = (_: unknown, i: number) => view.getInt16(at + 8 + i * 2, true) / 32_768;
      return { rate, samples: Float32Array.from({ length }, sample) };
    }
    at += 8 + size + size % 2;
  }
  throw new Error(`${file}: no audio in it`);
};
