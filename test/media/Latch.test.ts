/** Whom an endpoint hears and where it sends. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../schemas/Media.ts";
import * as Rig from "./Rig.ts";

/**
 * Leg 0 as told, and leg 1, whose peer is latched already: a packet "to leg 0" is one that leg 1's
 * peer sends.
 */
const between = (leg0: Partial<Endpoint>) => {
  const rig = Rig.make();
  const [a = 0, b = 0] = rig.reserve("r", 0, 1);
  const far = rig.host("192.0.2.11", 5_000);
  const farReports = rig.host("192.0.2.11", 5_001);
  const apply = (generation: number, change: Partial<Endpoint>) =>
    rig.configure(
      "r",
      generation,
      Rig.endpoint(0, a, { latchFrom: ["192.0.2.10"], connect: Rig.toLeg(1), ...change }),
      Rig.endpoint(1, b, { latchFrom: [far.ip], connect: Rig.toLeg(0) }),
    );
  apply(1, leg0);
  far.send(b, Rig.rtp(1));
  farReports.send(b + 1, Rig.rtcp());
  const near = rig.host("192.0.2.10", 4_000);
  const nearReports = rig.host("192.0.2.10", 4_001);
  let sequence = 1;
  return {
    ...rig,
    a,
    near,
    nearReports,
    far,
    farReports,
    apply,
    /** Where packets to leg 0 go now: the RTP and the RTCP target. */
    targets: () => {
      const rtp = far.send(b, Rig.rtp(++sequence)).slice(1);
      const rtcp = farReports.send(b + 1, Rig.rtcp()).slice(1);
      return [rtp, rtcp].map(([one]) => one === undefined ? null : `${one.toIp}:${one.toPort}`);
    },
  };
};

const sdpRemote = Rig.at("192.0.2.10", 4_400);

describe("before a packet came", () => {
  test("packets go to the address of the SDP", () => {
    expect(between({ remote: sdpRemote }).targets()).toEqual([
      "192.0.2.10:4400",
      "192.0.2.10:4401",
    ]);
  });
  test("without one they go nowhere", () => {
    const rig = between({});
    expect(rig.targets()).toEqual([null, null]);
    expect([rig.dropped("rtp", "untargeted"), rig.dropped("rtcp", "untargeted")]).toEqual([2, 2]);
  });
  test("RTCP alone is not sent where the SDP names no port for it", () => {
    const remote = { rtp: sdpRemote.rtp, rtcp: { ip: "192.0.2.10", port: 0 } };
    expect(between({ remote }).targets()).toEqual(["192.0.2.10:4400", null]);
  });
});

describe("the first valid packet of an allowed source", () => {
  test("is forwarded, and fixes where packets go, whatever the SDP said", () => {
    const rig = between({ remote: sdpRemote });
    rig.near.send(rig.a, Rig.rtp(9));
    expect(rig.far.take()).toHaveLength(1);
    expect(rig.targets()).toEqual(["192.0.2.10:4000", "192.0.2.10:4401"]);
    rig.nearReports.send(rig.a + 1, Rig.rtcp());
    expect(rig.farReports.take()).toHaveLength(1);
    expect(rig.targets()).toEqual(["192.0.2.10:4000", "192.0.2.10:4001"]);
  });
  test("closes the latch: another port of that host is not heard any more", () => {
    const rig = between({});
    rig.near.send(rig.a, Rig.rtp(9));
    const second = rig.host("192.0.2.10", 4_010);
    second.send(rig.a, Rig.rtp(10));
    expect(rig.far.take()).toHaveLength(1);
    expect(rig.dropped("rtp", "source")).toBe(1);
    expect(rig.targets()[0]).toBe("192.0.2.10:4000");
  });
  test("is not any packet of another host, nor a malformed one", () => {
    const rig = between({});
    rig.host("192.0.2.66", 4_000).send(rig.a, Rig.rtp(9));
    rig.near.send(rig.a, Uint8Array.of(1, 2, 3));
    rig.near.send(rig.a, Rig.rtcp());
    rig.nearReports.send(rig.a + 1, Rig.rtp(9));
    expect(rig.far.take()).toHaveLength(0);
    expect(rig.farReports.take()).toHaveLength(0);
    expect(rig.targets()).toEqual([null, null]);
    expect([rig.dropped("rtp", "source"), rig.dropped("rtp", "malformed")]).toEqual([1, 2]);
    expect(rig.dropped("rtcp", "malformed")).toBe(1);
  });
  test("may come from any of the sources, in any spelling", () => {
    const rig = between({ latchFrom: ["192.0.2.10", "2001:DB8:0::0A", "::ffff:192.0.2.12"] });
    rig.host("2001:db8::a", 4_000).send(rig.a, Rig.rtp(9));
    expect(rig.targets()[0]).toBe("2001:db8::a:4000");
    const mapped = between({ latchFrom: ["::ffff:192.0.2.12"] });
    mapped.host("192.0.2.12", 4_000).send(mapped.a, Rig.rtp(9));
    expect(mapped.targets()[0]).toBe("192.0.2.12:4000");
  });
  test("of RTCP may come before RTP, and does not latch RTP", () => {
    const rig = between({});
    rig.nearReports.send(rig.a + 1, Rig.rtcp());
    expect(rig.targets()).toEqual([null, "192.0.2.10:4001"]);
  });
});

test("a port that is only reserved hears nobody", () => {
  const rig = Rig.make();
  const [a = 0] = rig.reserve("r", 0);
  rig.host("192.0.2.10", 4_000).send(a, Rig.rtp(1));
  rig.host("192.0.2.10", 4_001).send(a + 1, Rig.rtcp());
  expect([rig.dropped("rtp", "idle"), rig.dropped("rtcp", "idle")]).toEqual([1, 1]);
});

describe("a new configuration", () => {
  const latched = (leg0: Partial<Endpoint> = {}) => {
    const rig = between(leg0);
    rig.near.send(rig.a, Rig.rtp(9));
    rig.nearReports.send(rig.a + 1, Rig.rtcp());
    rig.far.take();
    return rig;
  };
  test("of the same SDP keeps the latch", () => {
    const rig = latched();
    rig.apply(2, { remote: sdpRemote });
    expect(rig.targets()).toEqual(["192.0.2.10:4000", "192.0.2.10:4001"]);
  });
  test("of a new SDP opens it: a re-INVITE moves the stream to another address", () => {
    const rig = latched();
    const moved = rig.host("192.0.2.20", 6_000);
    moved.send(rig.a, Rig.rtp(1, 8));
    expect(rig.far.take()).toHaveLength(0);
    rig.apply(2, { sdp: 2, latchFrom: ["192.0.2.20"], remote: Rig.at("192.0.2.20", 6_600) });
    expect(rig.targets()).toEqual(["192.0.2.20:6600", "192.0.2.20:6601"]);
    // The old address is out, the new one is in.
    rig.near.send(rig.a, Rig.rtp(10));
    expect(rig.far.take()).toHaveLength(0);
    moved.send(rig.a, Rig.rtp(2, 8));
    expect(rig.far.take()).toHaveLength(1);
    expect(rig.targets()[0]).toBe("192.0.2.20:6000");
  });
  test("of a new SDP without an address goes on to the latched one while it is allowed", () => {
    const rig = latched();
    rig.apply(2, { sdp: 2 });
    expect(rig.targets()).toEqual(["192.0.2.10:4000", "192.0.2.10:4001"]);
    rig.apply(3, { sdp: 2 });
    expect(rig.targets()).toEqual(["192.0.2.10:4000", "192.0.2.10:4001"]);
    // The latch is open meanwhile.
    rig.host("192.0.2.10", 4_100).send(rig.a, Rig.rtp(11));
    expect(rig.targets()[0]).toBe("192.0.2.10:4100");
  });
  test("of a new SDP without an address and another source goes nowhere", () => {
    const rig = latched();
    rig.apply(2, { sdp: 2, latchFrom: ["192.0.2.20"] });
    expect(rig.targets()).toEqual([null, null]);
  });
});

describe("T29 a target that is no host's port", () => {
  test.each([
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fe80::1",
    "host.example",
    "",
  ])("T29 %j is never sent to", (ip) => {
    const rig = between({ remote: Rig.at(ip, 4_000), latchFrom: [ip] });
    expect(rig.targets()).toEqual([null, null]);
    expect(rig.counters.counter("media_targets_refused_total").value).toBe(2);
    // Nor does a packet that claims such a source latch.
    rig.network.send({
      fromIp: ip,
      fromPort: 4_000,
      toIp: Rig.workerIp,
      toPort: rig.a,
      bytes: Rig.rtp(1),
    });
    rig.network.deliver();
    expect(rig.targets()).toEqual([null, null]);
  });
  test("T29 port 0 is never sent to", () => {
    const remote = { rtp: { ip: "192.0.2.10", port: 0 }, rtcp: { ip: "192.0.2.10", port: 0 } };
    expect(between({ remote }).targets()).toEqual([null, null]);
  });
});
