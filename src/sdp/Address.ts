/** IP literals as data: canonical text, and which of them may ever be a target of media. */

/** The four octets as a number, or undefined when it is no dotted quad. */
const ipv4 = (text: string): number | undefined => {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (octet < 0 || dots === 3) return undefined;
      value = value * 256 + octet;
      octet = -1;
      dots++;
    } else if (code >= 48 && code <= 57) {
      // A leading zero is octal for some and decimal for others: refused.
      if (octet === 0) return undefined;
      octet = (octet < 0 ? 0 : octet * 10) + code - 48;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : undefined;
};

const hextet = /^[0-9a-fA-F]{1,4}$/;

/** Hextets of one side of `::`, a trailing dotted quad as two of them. */
const hextets = (text: string, mayEndInQuad: boolean): Array<number> | undefined => {
  if (text === "") return [];
  const parts = text.split(":");
  const values: Array<number> = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? "";
    if (hextet.test(part)) {
      values.push(parseInt(part, 16));
      continue;
    }
    const quad = mayEndInQuad && i === parts.length - 1 ? ipv4(part) : undefined;
    if (quad === undefined) return undefined;
    values.push(Math.floor(quad / 65_536), quad % 65_536);
  }
  return values;
};

/** The eight hextets, or undefined (RFC 4291 section 2.2; no zone). */
const ipv6 = (text: string): ReadonlyArray<number> | undefined => {
  if (text.length > 45) return undefined;
  const gap = text.indexOf("::");
  if (gap < 0) {
    const all = hextets(text, true);
    return all?.length === 8 ? all : undefined;
  }
  if (text.indexOf("::", gap + 1) >= 0) return undefined;
  const head = hextets(text.slice(0, gap), false);
  const tail = hextets(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const zeros = 8 - head.length - tail.length;
  return zeros < 1 ? undefined : [...head, ...new Array<number>(zeros).fill(0), ...tail];
};

const quadText = (value: number): string =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

/** The IPv4 address inside `::ffff:a.b.c.d`, or undefined. */
const mapped = (words: ReadonlyArray<number>): number | undefined => {
  for (let i = 0; i < 5; i++) if (words[i] !== 0) return undefined;
  return words[5] === 0xffff ? (words[6] ?? 0) * 65_536 + (words[7] ?? 0) : undefined;
};

/** Text of RFC 5952: lower case, the longest run of two or more zeros as `::`. */
const ipv6Text = (words: ReadonlyArray<number>): string => {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = Math.max(i, end - 1);
  }
  const text = (from: number, to: number) =>
    words.slice(from, to).map((word) => word.toString(16)).join(":");
  return start < 0 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
};

/**
 * The one spelling of an IP literal, as the operating system reports sources: RFC 5952 for IPv6,
 * and IPv4-mapped addresses as IPv4. Undefined for names and malformed literals.
 */
export const canonical = (text: string): string | undefined => {
  if (!text.includes(":")) return ipv4(text) === undefined ? undefined : text;
  const words = ipv6(text);
  if (words === undefined) return undefined;
  const quad = mapped(words);
  return quad === undefined ? ipv6Text(words) : quadText(quad);
};

/** `0.0.0.0` or `::`: the old way to say hold (RFC 3264 section 8.4), never a target. */
export const isUnspecified = (text: string): boolean => {
  const ip = canonical(text);
  return ip === "0.0.0.0" || ip === "::";
};

/**
 * True when an IP literal names one host beyond this link: not unspecified, multicast, broadcast,
 * link-local (the cloud metadata address among them) or reserved. Whether a tenant may reach it is
 * another question: `within`.
 */
export const isUnicast = (text: string): boolean => {
  const ip = canonical(text);
  if (ip === undefined) return false;
  const quad = ipv4(ip);
  if (quad !== undefined) {
    const first = quad >>> 24;
    return first !== 0 && first < 224 && quad >>> 16 !== 0xa9fe;
  }
  const words = ipv6(ip);
  if (words === undefined) return false;
  const first = words[0] ?? 0;
  // `::` and the obsolete `::a.b.c.d` (RFC 4291 section 2.5.5.1); `::1` stays usable.
  const low = words.slice(0, 6).every((word) => word === 0);
  if (low) return words[6] === 0 && words[7] === 1;
  return (first & 0xff00) !== 0xff00 && (first & 0xffc0) !== 0xfe80;
};

/** A network as its canonical words and prefix length; undefined when it is not one. */
interface Network {
  readonly words: ReadonlyArray<number>;
  readonly bits: number;
}

const wordsOf = (text: string): ReadonlyArray<number> | undefined => {
  const ip = canonical(text);
  if (ip === undefined) return undefined;
  const quad = ipv4(ip);
  return quad === undefined ? ipv6(ip) : [quad >>> 16, quad & 0xffff];
};

const network = (text: string): Network | undefined => {
  const slash = text.indexOf("/");
  const words = wordsOf(slash < 0 ? text : text.slice(0, slash));
  if (words === undefined) return undefined;
  const size = words.length * 16;
  if (slash < 0) return { words, bits: size };
  const length = text.slice(slash + 1);
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : size + 1;
  return bits <= size ? { words, bits } : undefined;
};

/** True when the text is an IP literal or a prefix such as `192.0.2.0/24`. */
export const isNetwork = (text: string): boolean => network(text) !== undefined;

/** True when the address lies in one of the networks (`192.0.2.0/24`, `2001:db8::/32`, `::1`). */
export const within = (networks: ReadonlyArray<string>, ip: string): boolean => {
  const words = wordsOf(ip);
  if (words === undefined) return false;
  return networks.some((text) => {
    const { words: prefix, bits } = network(text) ?? { words: [], bits: 0 };
    if (prefix.length !== words.length) return false;
    for (let i = 0, left = bits; left > 0; i++, left -= 16) {
      const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff;
      if ((((words[i] ?? 0) ^ (prefix[i] ?? 0)) & mask) !== 0) return false;
    }
    return true;
  });
};
