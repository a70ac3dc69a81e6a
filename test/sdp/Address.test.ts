import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Address from "../../src/sdp/Address.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8::1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["::ffff:192.0.2.2", "192.0.2.2"],
  ["::FFFF:c000:202", "192.0.2.2"],
  ["::", "::"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["1::", "1::"],
])("canonical %s is %s", (text, ip) => expect(Address.canonical(text)).toBe(ip));

test.each([
  "",
  "1.2.3",
  "1.2.3.4.5",
  "1.2.3.256",
  "01.2.3.4",
  "1..2.3",
  "1.2.3.4 ",
  "host.example.com",
  "224.2.1.1/127",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7:8::",
  "fe80::1%eth0",
  "[::1]",
  "12345::",
  "1.2.3.4::",
])("%j is no literal", (text) => {
  expect(Address.canonical(text)).toBeUndefined();
  expect(Address.isUnicast(text)).toBe(false);
  expect(Address.within(["0.0.0.0/0", "::/0"], text)).toBe(false);
});

test("canonical is idempotent and keeps the address", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV6(), fc.ipV4()), (text) => {
    const ip = Address.canonical(text) ?? "";
    expect(Address.canonical(ip)).toBe(ip);
    if (ip.includes(":")) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${ip}]`);
  }));
});

describe("T29 what may never be a target", () => {
  test.each([
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:0.0.0.0",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "febf::1",
    "::7f00:1",
  ])("T29 %s", (ip) => expect(Address.isUnicast(ip)).toBe(false));

  test.each(["127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "fec0::1", "fd00::1"])(
    "%s may be one",
    (ip) => expect(Address.isUnicast(ip)).toBe(true),
  );
});

test.each([
  ["127.0.0.0/8", "127.9.9.9", true],
  ["127.0.0.0/8", "128.0.0.1", false],
  ["192.0.2.128/25", "192.0.2.127", false],
  ["192.0.2.128/25", "192.0.2.128", true],
  ["192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "192.0.2.2", false],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["2001:db8::/33", "2001:db8:7fff::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
  ["192.0.2.0/24", "::ffff:192.0.2.9", true],
  ["192.0.2.0/33", "192.0.2.0", false],
  ["nonsense", "192.0.2.0", false],
])("%s holds %s: %s", (network, ip, expected) => {
  expect(Address.within(["198.51.100.0/24", network], ip)).toBe(expected);
});

test("isNetwork", () => {
  expect(["10.0.0.0/8", "::1", "::/0"].every(Address.isNetwork)).toBe(true);
  expect(["10.0.0.0/33", "::/129", "a/8", "10.0.0.0/", "10.0.0.0/-1"].some(Address.isNetwork))
    .toBe(false);
});
