import { describe, expect, test } from "vitest";
import * as G711 from "../../src/rtp/G711.ts";
import * as Sine from "../../src/rtp/Sine.ts";
import * as Goertzel from "../support/Goertzel.ts";

const codes = Array.from({ length: 256 }, (_, code) => code);
const laws: ReadonlyArray<G711.Law> = [0, 8];

describe("G.711", () => {
  test.each<[G711.Law, number, number]>([
    // ITU-T G.711 tables 2a and 1a: quantised values at the ends and around zero, 16 bit.
    [0, 0xff, 0],
    [0, 0x7f, 0],
    [0, 0x80, 32_124],
    [0, 0x00, -32_124],
    [0, 0xfe, 8],
    [0, 0xf0, 120],
    [0, 0xef, 132],
    [8, 0xd5, 8],
    [8, 0x55, -8],
    [8, 0xaa, 32_256],
    [8, 0x2a, -32_256],
    [8, 0xc5, 264],
    [8, 0xf5, 528],
  ])("law %i code %i is %i", (law, code, sample) => expect(G711.decode(law, code)).toBe(sample));

  test("encoding what was decoded gives the code again", () => {
    for (const law of laws) {
      for (const code of codes) {
        const again = G711.encode(law, G711.decode(law, code));
        // PCMU has two zeros.
        expect(again).toBe(law === 0 && code === 0x7f ? 0xff : code);
      }
    }
  });

  test("the error of a sample is at most half the widest step beside its code", () => {
    for (const law of laws) {
      const values = codes.map((code) => G711.decode(law, code)).sort((a, b) => a - b);
      const top = values.at(-1) ?? 0;
      for (let sample = -top; sample <= top; sample++) {
        const value = G711.decode(law, G711.encode(law, sample));
        const at = values.indexOf(value);
        const below = value - (values[at - 1] ?? value);
        const above = (values[values.lastIndexOf(value) + 1] ?? value) - value;
        const half = Math.max(above, below) / 2;
        if (Math.abs(sample - value) > half) expect({ law, sample, value }).toBe(half);
      }
    }
    expect(G711.encode(0, 0)).toBe(0xff);
    expect(G711.encode(8, 0)).toBe(0xd5);
    expect([G711.encode(0, 32_767), G711.encode(0, -32_768)]).toEqual([0x80, 0x00]);
    expect([G711.encode(8, 32_767), G711.encode(8, -32_768)]).toEqual([0xaa, 0x2a]);
  });
});

describe("sine", () => {
  test.each([[440, 0], [440, 8], [1_004, 0], [3_999, 8], [1, 0], [8_000 / 160, 8]] as const)(
    "%i Hz in law %i is continuous over frames and is that tone",
    (hz, law) => {
      const wave = Sine.wave(hz, law);
      const out = new Uint8Array(4 + 160 * 50).fill(1);
      let position = 0;
      for (let frame = 0; frame < 50; frame++) {
        position = Sine.fill(wave, position, out, 4 + 160 * frame);
      }
      expect([...out.slice(0, 4)]).toEqual([1, 1, 1, 1]);
      const samples = Array.from(out.slice(4), (code) => G711.decode(law, code));
      const total = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      expect(Goertzel.share(Float32Array.from(samples), 8_000, hz)).toBeGreaterThan(0.99);
      const level = Math.sqrt(2 * total) / 32_767;
      expect(level).toBeGreaterThan(0.24);
      expect(level).toBeLessThan(0.26);
    },
  );
});
