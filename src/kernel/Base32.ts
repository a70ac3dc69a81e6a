/** Lower-case base32 (RFC 4648 alphabet, no padding): safe in tags, Call-IDs and subjects. */
const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < 32; i++) values[alphabet.charCodeAt(i)] = i;

const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));

/** Built of codes at once: a string that grows by characters stays a rope, and is slow to use. */
export const encode = (bytes: Uint8Array): string => {
  const text = new Array<number>(Math.ceil(bytes.length * 8 / 5));
  let at = 0;
  let buffer = 0;
  let bits = 0;
  for (let i = 0; i < bytes.length; i++) {
    buffer = (buffer << 8) | bytes[i]!;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[at++] = codes[(buffer >> bits) & 31]!;
    }
    buffer &= (1 << bits) - 1;
  }
  if (bits > 0) text[at++] = codes[(buffer << (5 - bits)) & 31]!;
  return String.fromCharCode(...text);
};

/** Undefined for a character outside the alphabet or for stray bits at the end. */
export const decode = (text: string): Uint8Array | undefined => {
  const bytes = new Uint8Array((text.length * 5) >> 3);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? values[code]! : -1;
    if (value < 0) return undefined;
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >> bits) & 255;
    }
    buffer &= (1 << bits) - 1;
  }
  return bits < 5 && buffer === 0 ? bytes : undefined;
};
